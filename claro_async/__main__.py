"""``python -m claro_async`` is the command ``claro``."""

from claro_async.cli import main

if __name__ == "__main__":
    main()
