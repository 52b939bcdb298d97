"""Small files of the shapes that people's files have, and what each holds, written by hand.

A file is its name, its bytes, its columns, and its rows as JSON values.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

WIDE = 300
LONG = "x" * 40_000


class Sample(NamedTuple):
    """A file and what stands in it."""

    name: str
    content: bytes
    columns: list[str]
    rows: list[list[Any]]


def _lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


_CSV = [
    Sample("plain.csv", b"a,b\n1,x\n2,y\n", ["a", "b"], [[1, "x"], [2, "y"]]),
    Sample("no_last_line_end.csv", b"a,b\n1,x", ["a", "b"], [[1, "x"]]),
    Sample("crlf.csv", b"a,b\r\n1,x\r\n", ["a", "b"], [[1, "x"]]),
    Sample("cr_only.csv", b"a,b\r1,x\r2,y\r", ["a", "b"], [[1, "x"], [2, "y"]]),
    Sample("byte_order_mark.csv", b"\xef\xbb\xbfid,n\n7,x\n", ["id", "n"], [[7, "x"]]),
    Sample("blank_first_lines.csv", b"\n\r\na,b\n1,x\n", ["a", "b"], [[1, "x"]]),
    Sample("blank_lines_between.csv", b"a,b\n\n1,x\n\n2,y\n\n", ["a", "b"], [[1, "x"], [2, "y"]]),
    Sample("quoted_comma.csv", b'a,b\n"1,5","x, y"\n', ["a", "b"], [["1,5", "x, y"]]),
    Sample("quoted_quote.csv", b'a,b\n"say ""hi""",""""\n', ["a", "b"], [['say "hi"', '"']]),
    Sample("quote_inside.csv", b'a,b\n5" disk,x\n', ["a", "b"], [['5" disk', "x"]]),
    Sample(
        "breaks_inside_quotes.csv",
        b'k,v\r\n1,"a\r\nb"\r\n2,"c\nd"\r\n3,"e\rf"\r\n',
        ["k", "v"],
        [[1, "a\r\nb"], [2, "c\nd"], [3, "e\rf"]],
    ),
    Sample("comma_in_header.csv", b'"a, b",c\n1,2\n', ["a, b", "c"], [[1, 2]]),
    Sample("break_in_header.csv", b'"a\nb",c\n1,2\n', ["a\nb", "c"], [[1, 2]]),
    Sample(
        "leading_zeros.csv",
        b"zip,n\n00501,1\n10001,2\n",
        ["zip", "n"],
        [["00501", 1], ["10001", 2]],
    ),
    Sample("plus_signs.csv", b"phone\n+4930123\n0049\n", ["phone"], [["+4930123"], ["0049"]]),
    Sample(
        "big_numbers.csv",
        b"n,t\n9007199254740993,x\n1,y\n",
        ["n", "t"],
        [[9007199254740993, "x"], [1, "y"]],
    ),
    Sample("exponents.csv", b"n,t\n1e-7,x\n2.5E3,y\n", ["n", "t"], [[1e-07, "x"], [2500.0, "y"]]),
    Sample(
        "seventeen_digits.csv",
        b"n\n0.30000000000000004\n123456.78900000002\n",
        ["n"],
        [[0.30000000000000004], [123456.78900000002]],
    ),
    Sample(
        "decimal_commas.csv", b'p;n\n"1,5";x\n2,5;y\n', ["p", "n"], [["1,5", "x"], ["2,5", "y"]]
    ),
    Sample("semicolons.csv", b'"a";"b"\r\n"x;y";"z"\r\n', ["a", "b"], [["x;y", "z"]]),
    Sample(
        "empty_values.csv",
        b"a,b,c\n,,\n1,,x\n",
        ["a", "b", "c"],
        [[None, None, None], [1, None, "x"]],
    ),
    Sample("ragged.csv", b"a,b,c\n1,2\n1,2,3,4\n", ["a", "b", "c"], [[1, 2, None], [1, 2, 3]]),
    Sample("names_twice.csv", b"a,a,\n1,2,3\n", ["a", "a_2", "column_3"], [[1, 2, 3]]),
    Sample(
        "booleans.csv", b"ok,s\ntrue,True\nfalse,no\n", ["ok", "s"], [[True, "True"], [False, "no"]]
    ),
    Sample("mixed.csv", b"v,w\n1,x\nx,y\n", ["v", "w"], [["1", "x"], ["x", "y"]]),
    Sample(
        "formulas.csv",
        b'f,n\n=SUM(A1),x\n@cmd,y\n"+1",z\n-x,w\n',
        ["f", "n"],
        [["=SUM(A1)", "x"], ["@cmd", "y"], ["+1", "z"], ["-x", "w"]],
    ),
    Sample("spaces.csv", b"a,b\n  x  ,\ty\n", ["a", "b"], [["  x  ", "\ty"]]),
    Sample(
        "null_words.csv", b"a,b\nNULL,NA\nnan,None\n", ["a", "b"], [["NULL", "NA"], ["nan", "None"]]
    ),
    Sample(
        "urls.csv",
        b"u,n\nhttps://e.org/?a=1&b=<2>,x\n",
        ["u", "n"],
        [["https://e.org/?a=1&b=<2>", "x"]],
    ),
    Sample(
        "wide.csv",
        ",".join(f"c{n}" for n in range(WIDE)).encode() + b"\n" + b",".join([b"x"] * WIDE) + b"\n",
        [f"c{n}" for n in range(WIDE)],
        [["x"] * WIDE],
    ),
    Sample(
        "unicode.csv", "naïve,名前\n😀,e\u0301\n".encode(), ["naïve", "名前"], [["😀", "e\u0301"]]
    ),
    Sample(
        "separators.csv",
        "a,b\nx\u2028y,\u00a0z\u202f\n\x0bv,\x85w\n".encode(),
        ["a", "b"],
        [["x\u2028y", "\u00a0z\u202f"], ["\x0bv", "\x85w"]],
    ),
    Sample(
        "right_to_left.csv",
        "a,b\n\u05e9\u05dc\u05d5\u05dd,\u200f\u061cx\n".encode(),
        ["a", "b"],
        [["\u05e9\u05dc\u05d5\u05dd", "\u200f\u061cx"]],
    ),
    Sample("long_value.csv", f"a,b\n{LONG},x\n".encode(), ["a", "b"], [[LONG, "x"]]),
    Sample("header_only.csv", b"a,b\n", ["a", "b"], []),
]
_TSV = [
    Sample("plain.tsv", b"a\tb\n1\tx\n", ["a", "b"], [[1, "x"]]),
    Sample(
        "quotes.tsv",
        b'a\tb\n"Rome\t5"\nplain"\t""\n',
        ["a", "b"],
        [['"Rome', '5"'], ['plain"', '""']],
    ),
    Sample("commas.tsv", b"a,b\tc\r\n1,2\t3\r\n", ["a,b", "c"], [["1,2", 3]]),
]
_JSON = [
    Sample(
        "nested.json",
        b'[{"a": {"b": [1, null]}, "c": []}, {"a": null, "c": [{"d": "x"}]}]',
        ["a", "c"],
        [[{"b": [1, None]}, []], [None, [{"d": "x"}]]],
    ),
    Sample("missing_keys.json", b'[{"a": 1}, {"b": "x"}]', ["a", "b"], [[1, None], [None, "x"]]),
    Sample("envelope.json", b'{"rows": [{"a": "x"}, {"a": "y"}]}', ["a"], [["x"], ["y"]]),
    Sample("empty_text.json", b'[{"a": "", "b": " "}]', ["a", "b"], [["", " "]]),
    Sample("escapes.json", rb'[{"a": "\u0001\t\"\\ \ud83d\ude00"}]', ["a"], [['\x01\t"\\ 😀']]),
    Sample(
        "numbers.json",
        b'[{"n": 1.0, "m": -0.5}, {"n": 1e300, "m": 3}]',
        ["n", "m"],
        [[1.0, -0.5], [1e300, 3]],
    ),
    Sample("types_mixed.json", b'[{"v": 1}, {"v": "1"}, {"v": true}]', ["v"], [[1], ["1"], [True]]),
    Sample(
        "lines.jsonl",
        _lines([{"id": 1, "t": "a\nb"}, {"id": 2, "t": None}]),
        ["id", "t"],
        [[1, "a\nb"], [2, None]],
    ),
    Sample("lines_crlf.ndjson", b'{"a": "x"}\r\n\r\n{"a": "y"}', ["a"], [["x"], ["y"]]),
    Sample(
        "text.txt",
        "first\r\n\r\nthird \u2028 x".encode(),
        ["line", "text"],
        [[1, "first"], [2, ""], [3, "third \u2028 x"]],
    ),
]
SAMPLES = [*_CSV, *_TSV, *_JSON]
