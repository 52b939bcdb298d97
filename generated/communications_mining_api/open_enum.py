"""The base of the enums: the same as in ``claro_api``."""

from ..claro_api.open_enum import OpenEnum

__all__ = ("OpenEnum",)
