"""The few lines in `tests/conftest.py` that make aioresponses work with aiohttp 3.14."""

import aiohttp
from aioresponses import aioresponses

from tests.conftest import aioresponses_passes_stream_writer


async def test_aioresponses_answers_a_request() -> None:
    """With the argument supplied, a mocked reply reads like a real one."""
    with aioresponses() as mocked:
        mocked.patch("http://127.0.0.1/x", payload={"a": 1}, headers={"X-RateLimit-Limit": "100"})
        async with (
            aiohttp.ClientSession() as session,
            session.patch("http://127.0.0.1/x", json={}) as response,
        ):
            assert await response.json() == {"a": 1}
            assert response.headers["X-RateLimit-Limit"] == "100"


def test_aioresponses_still_needs_the_argument() -> None:
    """Fails once aioresponses passes `stream_writer` itself: then the lines in conftest can go."""
    assert not aioresponses_passes_stream_writer(), (
        "aioresponses now supplies stream_writer: remove AnsweredResponse from tests/conftest.py"
    )
