"""What tells one API from the other on the same transport; the composition root hands it over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from claro_async._wire import says_error
from claro_async.transport import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_async._wire import HttpReply
    from claro_async.transport.retry import Repeat


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


CLARO = Api(retry.CLARO_REPEATS)
COMMUNICATIONS_MINING = Api(retry.COMMUNICATIONS_MINING_REPEATS, says_error)
