"""What tells one API from the other on the same transport; the composition root hands it over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.wire.replies import HttpReply


def _never(_: HttpReply) -> bool:
    return False


@attrs.frozen
class Api:
    """One API, as the transport sees it.

    Attributes:
        is_rejection: Whether a reply with a status of success says no all the same.
    """

    is_rejection: Callable[[HttpReply], bool] = _never
