"""The streaming parser of multipart/form-data."""

from __future__ import annotations

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
    preamble=st.sampled_from([b"", b"hello\r\n"]),
)
def test_parts_come_back_however_the_body_is_cut(
    contents: list[bytes], cuts: list[int], preamble: bytes
) -> None:
    """Whatever is in the parts and wherever the pieces end, the same parts come out."""
    body = preamble
    for place, content in enumerate(contents):
        head = f'Content-Disposition: form-data; name="f{place}"; filename="n"\r\n\r\n'
        body += b"---x \r\n" + head.encode() + content + b"\r\n"
    body += b"---x--\r\nepilogue"
    parts = parse(body, cuts)
    assert [content for _head, content in parts] == contents
    assert [head.field for head, _content in parts] == [f"f{n}" for n in range(len(contents))]


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
