"""Callbacks of the caller: one that raises ends nothing.

An ``on_event`` hook, and the progress callback of a job of many parts, are called through a
:class:`CallbackGuard`. What they raise is logged once, with the traceback, and dropped; the
callback is called again the next time. A progress callback of a single transfer is not guarded: it
stops the transfer, as a cancellation does.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Generic, TypeVar

from claro_async._logging import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class CallbackGuard(Generic[T]):
    """Calls a callback of the caller, and keeps what it raises.

    Only an :class:`Exception` is kept: a cancellation or a keyboard interrupt is no fault of the
    callback and goes on.

    Attributes:
        failure: The first exception that the callback raised, or None.
        failures: How many times it raised.
    """

    __slots__ = ("_callback", "_name", "failure", "failures")

    def __init__(self, callback: Callable[[T], object], name: str) -> None:
        """Guard a callback.

        Args:
            callback: The callback.
            name: What the caller knows it by, such as ``on_progress``.
        """
        self._callback = callback
        self._name = name
        self.failure: Exception | None = None
        self.failures = 0

    @classmethod
    def wrap(cls, callback: Callable[[T], object] | None, name: str) -> CallbackGuard[T] | None:
        """A guard for a callback, or None where there is no callback."""
        return None if callback is None else cls(callback, name)

    def __call__(self, value: T) -> object:
        """Call the callback and give what it returns, or None where it raises an `Exception`."""
        try:
            result = self._callback(value)
            if result is not None:
                refuse_coroutine(result)
        except Exception as error:  # noqa: BLE001 - whatever the caller's own code raises
            self.failures += 1
            if self.failure is None:
                self.failure = error
                LOGGER.exception("%s raised %s; this is logged once", self._name, _describe(error))
            return None
        return result

    @property
    def note(self) -> str | None:
        """What happened, in one sentence for a report or an exception; None if nothing did."""
        if self.failure is None:
            return None
        times = "once" if self.failures == 1 else f"{self.failures} times"
        return f"{self._name} raised {times}, first {_describe(self.failure)}; it was ignored"

    def add_note_to(self, error: BaseException) -> None:
        """Note on an exception, which is raised anyway, that the callback had raised as well."""
        if self.note is not None:
            error.add_note(self.note)


def check_callback(name: str, callback: object) -> None:
    """Refuse what cannot be called, or would have to be awaited.

    Raises:
        TypeError: Neither None nor a plain callable.
    """
    if callback is None:
        return
    if not callable(callback):
        raise TypeError(f"{name} must be callable, not {type(callback).__name__}")
    if any(map(inspect.iscoroutinefunction, (callback, type(callback).__call__))):
        raise TypeError(f"{name} must be a plain function: nothing awaits it")


def refuse_coroutine(result: object) -> None:
    """Refuse what a callback returned where it would have to be awaited.

    Raises:
        TypeError: It is a coroutine.
    """
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("it returned a coroutine, which nothing awaits: pass a plain function")


def _describe(error: Exception) -> str:
    """The exception's type and text; its type alone where the text cannot be made."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - the caller's own class
        return type(error).__name__
