"""Models as plain JSON values: the same as in ``claro_api``."""

from ..claro_api.plain import plain_model

__all__ = ("plain_model",)
