"""The generated cores: ``claro_api`` and ``communications_mining_api``.

In the wheel they stand in this folder. In the repository they stand in ``generated/``, which is put
on this package's path; type checkers, which do not run this, follow the stubs beside this file.
"""

from os import path

_HERE = path.dirname(__file__)
if not path.exists(path.join(_HERE, "claro_api", "__init__.py")):
    __path__.append(path.join(path.dirname(path.dirname(_HERE)), "generated"))
