"""The base of the enums, which stay open to values that the documents do not list."""

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """A string enum that keeps an unknown value instead of refusing it.

    An unknown value becomes a pseudo-member: it has a ``value``, equals its string, can be pickled
    and is an instance of the enum, but is not among the enum's members.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Make a pseudo-member for any string; anything else is refused."""
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether the documents list this value."""
        return self._value_ in type(self)._value2member_map_

    def __repr__(self) -> str:
        """Show a member as a member, and an unknown value as the call that makes it."""
        if self.is_known:
            return f"{type(self).__name__}.{self._name_}"
        return f"{type(self).__name__}({self._value_!r})"
