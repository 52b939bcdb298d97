"""Calls that type checkers must accept or reject; ``nox -s lint`` reads them, nothing runs them."""
