"""The streaming parser of multipart/form-data."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async.emulator.errors import ApiError
from claro_async.emulator.multipart import MultipartParser, PartEnd, PartHead, parameters

BOUNDARY = b"-x"
# Pieces of delimiters are the likeliest thing to be taken for delimiters.
CONTENT = st.lists(st.sampled_from([b"\r\n", b"-", b"--", b"-x", b"--x", b"a", b"\0"])).map(
    b"".join
)


def parse(body: bytes, cuts: list[int]) -> list[tuple[PartHead, bytes]]:
    """Feed a body in pieces and put the parts together."""
    parser = MultipartParser(BOUNDARY)
    parts: list[tuple[PartHead, bytes]] = []
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in pairwise(places):
        for event in parser.feed(body[start:end]):
            if isinstance(event, PartHead):
                parts.append((event, b""))
            elif isinstance(event, bytes):
                parts[-1] = (parts[-1][0], parts[-1][1] + event)
            else:
                assert isinstance(event, PartEnd)
    parser.close()
    return parts


@given(
    contents=st.lists(
        CONTENT.filter(lambda content: b"\r\n---x" not in b"\r\n" + content), max_size=3
    ),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    end=st.sampled_from([b"", b"\r\n"]),
)
def test_parts_come_back_however_the_body_is_cut(
    contents: list[bytes], cuts: list[int], end: bytes
) -> None:
    """Whatever is in the parts and wherever the pieces end, the same parts come out."""
    body = b""
    for place, content in enumerate(contents):
        head = f'Content-Disposition: form-data; name="f{place}"; filename="n"\r\n\r\n'
        body += b"---x\r\n" + head.encode() + content + b"\r\n"
    body += b"---x--" + end
    parts = parse(body, cuts)
    assert [content for _head, content in parts] == contents
    assert [head.field for head, _content in parts] == [f"f{n}" for n in range(len(contents))]


@given(
    cuts=st.lists(st.integers(0, 200), max_size=8),
    around=st.sampled_from(
        [(b"hello\r\n", b""), (b"\r\n\r\n", b""), (b"", b"\r\n\r\n"), (b"", b"more"), (b"", b"\n")]
    ),
)
def test_nothing_stands_around_a_form(cuts: list[int], around: tuple[bytes, bytes]) -> None:
    """What comes before the first boundary or after the last is refused, however it is cut."""
    head = b'---x\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n'
    before, after = around
    with pytest.raises(ApiError) as caught:
        parse(before + head + b"data\r\n---x--" + after, cuts)
    assert caught.value.code == "INVALID_PARAMETERS"


def part(headers: bytes, content: bytes = b"") -> bytes:
    """A form of one part."""
    return b"---x\r\n" + headers + b"\r\n\r\n" + content + b"\r\n---x--"


DISPOSITION = b'Content-Disposition: form-data; name="f"'


@pytest.mark.parametrize(
    "body",
    [
        part(b"Content-Disposition: form-data"),
        part(b'Content-Disposition: attachment; name="f"'),
        part(b"Content-Type: text/csv"),
        part(DISPOSITION + b"\r\nno colon"),
        part(DISPOSITION + b"\r\n folded: yes"),
        part(DISPOSITION + b"\r\nX: \xff"),
        part(DISPOSITION + b"\r\nX: " + b"y" * 20_000),
        part(DISPOSITION + b"\r\nX: y" * 20),
        part(DISPOSITION + b"\r\nContent-Length: 3", b"data"),
        part(DISPOSITION).replace(b"\r\n", b"\n"),
        part(DISPOSITION)[:-1],
        (b"---x\r\n" + DISPOSITION + b"\r\n\r\n\r\n") * 101 + b"---x--",
        b"",
    ],
)
@pytest.mark.parametrize("cuts", [[], [1, 7, 30, 31]])
def test_a_form_that_is_not_right_is_refused(body: bytes, cuts: list[int]) -> None:
    """Heads without what they need, broken lines, beyond the limits, or not to its end."""
    with pytest.raises(ApiError) as caught:
        parse(body, cuts)
    assert (caught.value.status, caught.value.code) == (400, "INVALID_PARAMETERS")
    assert caught.value.details["parameter"] == "body"


def test_a_file_of_line_breaks_is_held_nowhere() -> None:
    """At most one line break waits for what comes next."""
    parser = MultipartParser(BOUNDARY)
    head = b"---x\r\n" + DISPOSITION + b"\r\n\r\n"
    given = [event for event in parser.feed(head) if isinstance(event, bytes)]
    given += [
        event for _ in range(50) for event in parser.feed(b"\r\n" * 100) if isinstance(event, bytes)
    ]
    assert sum(map(len, given)) >= 50 * 200 - 200


def test_without_the_extra_an_upload_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says what to install."""
    monkeypatch.setitem(sys.modules, "multipart", None)
    with pytest.raises(ApiError) as caught:
        MultipartParser(BOUNDARY)
    assert "claro-async[emulator]" in caught.value.details["message"]


@given(body=st.binary(max_size=60) | CONTENT)
def test_no_body_breaks_the_parser(body: bytes) -> None:
    """Any bytes are either a form or INVALID_PARAMETERS."""
    try:
        parse(body, [3, 10])
    except ApiError as error:
        assert error.code == "INVALID_PARAMETERS"  # noqa: PT017 - raised for some bodies only


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('form-data; name="file"; filename="a \\"b\\" \\\\c.txt"', 'a "b" \\c.txt'),
        ('form-data; name="file"; filename="a;b=c.txt"', "a;b=c.txt"),
        ("form-data; name=file; filename=plain.txt", "plain.txt"),
        ('form-data; name="file"; filename="x"; filename*=UTF-8\'\'%C3%A9%22.txt', 'é".txt'),
        ('form-data; name="file"; FileName="ü.txt"', "ü.txt"),
    ],
)
def test_file_names_are_read_in_every_form(header: str, name: str) -> None:
    """Quoted, plain and extended names are understood."""
    body = f"---x\r\nContent-Disposition: {header}\r\n\r\n\r\n---x--".encode()
    ((head, content),) = parse(body, [])
    assert (head.field, head.file_name, content) == ("file", name, b"")


def test_an_unknown_charset_is_refused() -> None:
    """An extended name has to be in a character set that there is."""
    header = "form-data; name=\"file\"; filename*=nothing''x"
    with pytest.raises(ApiError):
        parse(f"---x\r\nContent-Disposition: {header}\r\n\r\n\r\n---x--".encode(), [])


def test_parameters() -> None:
    """Parameters of a header value are read with their quotes undone."""
    assert parameters('; Boundary="a b"; charset=utf-8;x=') == {
        "boundary": "a b",
        "charset": "utf-8",
        "x": "",
    }
