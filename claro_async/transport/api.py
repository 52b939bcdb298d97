"""What tells one API from the other on the same transport; the composition root hands it over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_async.transport.retry import Repeat
    from claro_async.wire.replies import HttpReply


def _never(_: HttpReply) -> bool:
    return False


@attrs.frozen
class Api:
    """One API, as the transport sees it.

    Attributes:
        repeats: What a second send of each operation would do, by operation id. Two APIs may use
            one id for different things, so each has a table of its own.
        is_refusal: Whether a reply with a status of success says no all the same.
    """

    repeats: Mapping[str, Repeat]
    is_refusal: Callable[[HttpReply], bool] = _never
