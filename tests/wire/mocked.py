"""A session without a network whose attempts end as a test lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_async.testing import HttpReply, MockSession

if TYPE_CHECKING:
    from claro_async.testing import HttpRequest


def in_order(answers: list[HttpReply | BaseException]) -> MockSession:
    """A session whose attempts meet these replies and exceptions, one after the other."""

    def answer(_: HttpRequest) -> HttpReply:
        met = answers.pop(0)
        if isinstance(met, BaseException):
            raise met
        return met

    return MockSession(answer)
