"""JSON in which single values cannot be decoded: the rest is read, and the replaced is named."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async.wire.tolerance import JSON_ERRORS, decode_any, decode_tolerantly, path_text, repair

ODD = {
    "half an emoji": (b'"great \\ud83d"', "great \ufffd"),
    "the second half of one": (b'"\\ude00!"', "\ufffd!"),
    "two first halves": (b'"\\ud83d\\ud83d\\ude00"', "\ufffd\U0001f600"),
    "Latin-1": (b'"caf\xe9"', "caf\ufffd"),
    "a number out of range": (b"1e999", "1e999"),
    "a negative one": (b"-1E+400", "-1E+400"),
    "an integer of 5,000 digits": (b"1" + b"0" * 4999, "1" + "0" * 4999),
    "not a number": (b"NaN", "NaN"),
    "an infinity": (b"-Infinity", "-Infinity"),
    "a line break in a string": (b'"a\nb"', "a\nb"),
    "a byte order mark": (b'\xef\xbb\xbf"a"', "a"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_is_replaced_and_the_rest_is_read(name: str) -> None:
    """Whatever cannot be decoded in one place, the values beside it are read as they are."""
    odd, honest = ODD[name]
    assert decode_any(odd) == honest
    if name != "a byte order mark":
        assert decode_any(b'{"a": [1.5, "x"], "b": [' + odd + b', "y"]}') == {
            "a": [1.5, "x"],
            "b": [honest, "y"],
        }


def test_the_places_of_replaced_values_are_named() -> None:
    """Each place where something was replaced is named, names of objects included."""
    content = b'{"rows": [[{"v": "ok"}, {"v": "\\ud83d"}], [1e999]], "n\xe9": 1}'
    value, places = decode_tolerantly(msgspec.json.decode, content)
    assert value == {"rows": [[{"v": "ok"}, {"v": "\ufffd"}], ["1e999"]], "n\ufffd": 1}
    assert sorted(map(path_text, places)) == ["n\ufffd", "rows[0][1].v", "rows[1][0]"]


def test_escapes_that_only_look_like_halves_of_an_emoji_stay() -> None:
    """An escaped backslash before ``ud83d`` is text, also beside a value that is replaced."""
    assert decode_any(b'["\\\\ud83d", "\\ude00"]') == ["\\ud83d", "\ufffd"]


@pytest.mark.parametrize(
    "content",
    [b"", b'"abc', b'{"a":', b"<html>", b"1.2.3", b"[1,]", b"\xff", b"[1.2.3, 1e999]"],
)
def test_what_is_no_json_stays_an_error(content: bytes) -> None:
    """Repairing makes no JSON of what is none."""
    with pytest.raises(JSON_ERRORS):
        decode_any(content)


TEXT = st.text(st.characters(codec="utf-8"))  # no surrogates, which are what is odd here
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_left_as_it_is(value: object) -> None:
    """Text that every decoder takes is not changed by a repair."""
    content = json.dumps(value).encode()
    assert repair(content) == content
    assert decode_any(content) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_json_error(content: bytes) -> None:
    """Whatever bytes come, there is a value that UTF-8 can carry, or one of the named errors."""
    try:
        value = decode_any(content)
    except JSON_ERRORS:
        return
    msgspec.json.encode(value)


@given(JSON, st.sampled_from(sorted(ODD)))
def test_a_value_beside_an_odd_one_is_the_same_as_without_it(value: object, name: str) -> None:
    """An odd value changes no other: escapes, numbers and nesting stay as they are."""
    odd, honest = ODD[name]
    odd = odd.removeprefix(b"\xef\xbb\xbf")
    content = b'[%s, {"k": %s}, %s]' % (odd, json.dumps(value).encode(), odd)
    assert decode_any(content) == [honest, {"k": value}, honest]
