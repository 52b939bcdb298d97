"""Signed URLs: signature, expiry, and what RFC 9110 says of ranges and validators."""

from __future__ import annotations

from typing import Any

import pytest

DATA = bytes(range(256)) * 10


@pytest.fixture
async def link(api: Any) -> str:
    """A signed URL of 2,560 bytes."""
    name = 'r"é.txt'
    source = api.emulator.add_datasource(DATA, file_name=name, content_type="text/plain")
    answer = await api("POST", f"/datasources/{source}/download", json={"expiresIn": 60})
    return str(answer.json["downloadUrl"])


async def test_a_file_is_served_whole(api: Any, link: str) -> None:
    """The reply has the file's bytes, type, name, length and validators, and needs no key."""
    answer = await api.fetch("GET", link)
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Content-Length"] == "2560"
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Last-Modified"] == "Thu, 14 Mar 2024 15:30:00 GMT"
    disposition = answer.headers["Content-Disposition"]
    assert disposition == "attachment; filename=\"r__.txt\"; filename*=UTF-8''r%22%C3%A9.txt"
    assert not any(name.lower().startswith("x-ratelimit") for name in answer.headers)


async def test_head_tells_what_get_would(api: Any, link: str) -> None:
    """HEAD has the headers of GET and no body, and ignores a range."""
    got, head = await api.fetch("GET", link), await api.fetch("HEAD", link)
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "ETag", "Last-Modified", "Content-Disposition"):
        assert head.headers[name] == got.headers[name]
    ranged = await api.fetch("HEAD", link, headers={"Range": "bytes=0-1"})
    assert (ranged.status, ranged.headers["Content-Length"]) == (200, "2560")


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-20", 5, 20),
        ("bytes=2559-", 2559, 2559),
        ("bytes=100-99999", 100, 2559),
        ("bytes=-10", 2550, 2559),
        ("bytes=-99999", 0, 2559),
        ("bytes=0-", 0, 2559),
    ],
)
async def test_a_range_is_served(api: Any, link: str, value: str, start: int, end: int) -> None:
    """A single range answers 206 with just those bytes."""
    answer = await api.fetch("GET", link, headers={"Range": value})
    assert (answer.status, answer.body) == (206, DATA[start : end + 1])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end}/2560"
    assert answer.headers["Content-Length"] == str(end + 1 - start)


@pytest.mark.parametrize("value", ["bytes=2560-", "bytes=99999-100000", "bytes=-0"])
async def test_a_range_beyond_the_end_is_not_satisfiable(api: Any, link: str, value: str) -> None:
    """416 tells the length of the file."""
    answer = await api.fetch("GET", link, headers={"Range": value})
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */2560")


@pytest.mark.parametrize(
    "value", ["bytes=0-1,5-6", "bytes=-", "bytes=9-5", "lines=1-2", "bytes=a-b", "bytes"]
)
async def test_other_ranges_are_ignored(api: Any, link: str, value: str) -> None:
    """What is not one range of bytes gets the whole file."""
    answer = await api.fetch("GET", link, headers={"Range": value})
    assert (answer.status, answer.body) == (200, DATA)


async def test_if_range_holds_a_range_to_the_same_file(api: Any, link: str) -> None:
    """The right validator gets the range, any other the whole file."""
    headers = (await api.fetch("GET", link)).headers
    for validator, status in [
        (headers["ETag"], 206),
        (headers["Last-Modified"], 206),
        ('"other"', 200),
        (f"W/{headers['ETag']}", 200),
        ("Thu, 14 Mar 2024 15:30:01 GMT", 200),
        ("yesterday", 200),
    ]:
        asked = {"Range": "bytes=1-2", "If-Range": validator}
        assert (await api.fetch("GET", link, headers=asked)).status == status


async def test_preconditions(api: Any, link: str) -> None:
    """If-None-Match answers 304 for the same file, If-Match 412 for another."""
    etag = (await api.fetch("GET", link)).headers["ETag"]
    same = await api.fetch("GET", link, headers={"If-None-Match": etag})
    assert (same.status, same.body) == (304, b"")
    assert (await api.fetch("GET", link, headers={"If-None-Match": '"x"'})).status == 200
    assert (await api.fetch("GET", link, headers={"If-Match": '"x"'})).status == 412
    assert (await api.fetch("GET", link, headers={"If-Match": etag})).status == 200


async def test_a_url_expires(api: Any, clock: Any, link: str) -> None:
    """A URL of 60 seconds works for 60 seconds."""
    clock.advance(59.9)
    assert (await api.fetch("GET", link)).status == 200
    clock.advance(0.1)
    answer = await api.fetch("GET", link)
    assert (answer.status, answer.code) == (403, "ACCESS_DENIED")
    assert "expired" in answer.json["details"]["message"]


async def test_a_changed_url_is_refused(api: Any, link: str) -> None:
    """Another path, a later expiry, a changed or missing signature: none gets the file."""
    path, _, token = link.partition("?token=")
    expires, _, signature = token.partition(".")
    other = api.emulator.origin + "/download/datasource-1"
    for changed in [
        path,
        f"{path}?token=",
        f"{path}?token={int(expires) + 1}.{signature}",
        f"{path}?token={expires}.{'A' + signature[1:] if signature[0] != 'A' else 'B'}",
        f"{path}?token={expires}.",
        f"{path}?token={'9' * 40}.{signature}",
        f"{path}?token={expires}.%FF",
        f"{path}?key={token}",
        f"{link}&more=1",
        f"{other}?token={token}",
    ]:
        answer = await api.fetch("GET", changed)
        assert (answer.status, answer.code) == (403, "ACCESS_DENIED"), changed


async def test_a_signed_url_takes_no_other_method(api: Any, link: str) -> None:
    """Only GET and HEAD are allowed."""
    answer = await api.fetch("POST", link)
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == "GET, HEAD"


async def test_an_export_is_served_under_its_own_path(api: Any) -> None:
    """The URL of an export ends in its format, as in the sample."""
    dataset = api.emulator.dataset_ids()[0]
    body = {"format": "csv", "rowCount": 3}
    url = (await api("POST", f"/datasets/{dataset}/export", json=body)).json["downloadUrl"]
    assert url.startswith(f"{api.emulator.origin}/export/")
    assert ".csv?token=" in url
    answer = await api.fetch("GET", url, headers={"Range": "bytes=0-11"})
    assert (answer.status, answer.body) == (206, b"product_name")


async def test_the_ledger_tells_whether_a_key_was_sent_along(api: Any, link: str) -> None:
    """A key on a signed URL is not refused, but it shows."""
    await api.fetch("GET", link)
    await api.fetch("GET", link, headers={"Authorization": "Bearer emulator-key"})
    records = [one for one in api.emulator.ledger.requests if one.operation == "download"]
    assert [one.authorization for one in records] == ["absent", "valid"]
    assert all(f"?{one.query}" in link and one.raw_path in link for one in records)
