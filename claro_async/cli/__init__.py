"""The command ``claro``; its commands come with the extra ``claro-async[cli]``."""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and end the process; say what to install when the extra is missing."""
    try:
        from claro_async.cli.app import run  # noqa: PLC0415 - click is an extra

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after the command itself
        status = _INTERRUPTED
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit('The command claro needs an extra: pip install "claro-async[cli]"')
    sys.exit(status)


__all__ = ["main"]
