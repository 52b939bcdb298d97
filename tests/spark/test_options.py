"""Options that cannot work are refused before anything is sent, and the error has a way out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("pyspark", reason="the extra [spark] is not installed")

from pyspark.sql.types import StructType

from claro_async.connectors.spark.given import GivenOptions
from claro_async.connectors.spark.mining_options import mining_options
from claro_async.connectors.spark.options import read_options, write_options
from claro_async.connectors.spark.source import ClaroDataSource
from claro_async.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.emulator import Emulator

READ = [
    ({}, "option 'dataset' is missing: the id of the dataset to read"),
    ({"dataset": ".."}, "option 'dataset' must be the id of the dataset to read: .* '..' cannot"),
    ({"path": "x"}, "take no path: name the dataset by option 'dataset'"),
    ({"datset": "d"}, "no option 'datset' for reading a dataset; did you mean 'dataset'?"),
    ({"windowrow": "1"}, "did you mean 'windowRows'?"),
    ({"inferSchema": "true"}, "no option 'inferSchema' .*; there are api, dataset, via, columns"),
    ({"receipts": "/x"}, "no option 'receipts' for reading a dataset: it is for writing"),
    ({"orderBy": "timestamp"}, "no option 'orderBy' for reading a dataset: it is for api=mining"),
    ({"api": "minig"}, "option 'api' must be claro or mining, not 'minig'"),
    ({"via": "rows"}, "option 'via' must be auto or export or pages, not 'rows'"),
    ({"via": "export", "cellIds": "true"}, "option 'via' must be pages, or left out, where"),
    ({"via": "export", "metadata": "true"}, "an export has neither"),
    ({"windowRows": "0"}, "'windowRows' must be a multiple of 1000 from 1000 to 100000, not '0'"),
    ({"windowRows": "1500"}, "'windowRows' must be a multiple of 1000"),
    ({"windowRows": "-1000"}, "not '-1000'"),
    ({"windowRows": "1e3"}, "not '1e3'"),
    ({"windowRows": "101000"}, "from 1000 to 100000"),
    ({"windowRows": "500", "via": "pages"}, "a multiple of 1000 of 1000 or more, not '500'"),
    ({"cellIds": "yes"}, "option 'cellIds' must be true or false, not 'yes'"),
    ({"onTypeError": "ignore"}, "option 'onTypeError' must be raise or null or string"),
    ({"columns": "a,,b"}, "option 'columns' has an empty name: write names with commas between"),
    ({"columns": ""}, "option 'columns' has an empty name"),
    ({"columns": "[]"}, "option 'columns' has an empty name"),
    ({"columns": "a, a"}, "option 'columns' has 'a' twice"),
    ({"columns": '["a"'}, "option 'columns' begins with a bracket and is no list in JSON"),
    ({"columns": "[1]"}, "no list in JSON"),
    ({"quota": "redis:/host"}, "option 'quota': quota must be file:///absolute/path"),
    ({"baseUrl": "http://example.com"}, "https"),
]
WRITE = [
    ({}, "option 'receipts' is missing: a folder, on a file system that all tasks reach"),
    ({"receipts": "relative"}, "option 'receipts' must be a folder's absolute path or a URI"),
    ({"receipts": "nosuch://x"}, "option 'receipts' must be a folder's absolute path or a URI"),
    ({"windowRows": "1000"}, "no option 'windowRows' for writing: it is for reading"),
    ({"max_concurrency": "3"}, "did you mean 'maxConcurrency'?"),
    ({"maxConcurrency": "0"}, "'maxConcurrency' must be a whole number of 1 or more, not '0'"),
    ({"onError": "collect"}, "option 'onError' must be raise or report, not 'collect'"),
    ({"uniqueCells": "1"}, "option 'uniqueCells' must be true or false"),
    ({"run": "x" * 161}, "option 'run' must be up to 160 printable characters"),
    ({"run": "ü" * 30}, "with three a byte for those other than A-Z a-z 0-9"),
    ({"run": ".."}, "option 'run' must be .* and not . or ..: use the id of a job"),
    ({"run": "a\nb"}, "option 'run' must be up to"),
    ({"quota": "redis://host/0?run=r"}, "option 'quota' must not name a run"),
    ({"report": "/nosuch/folder/run.html"}, "option 'report' must be the path of a file in a"),
    ({"report": "/"}, "option 'report' must be the path of a file"),
    ({"api": "mining"}, "option 'api' must be claro for writing: comments of .* are read only"),
]
MINING = [
    ({"dataset": "name"}, "option 'dataset' must be project/name of a dataset of"),
    ({"dataset": ""}, "option 'dataset' is missing: project/name"),
    ({"dataset": "/name"}, "option 'dataset' must be project/name"),
    ({"via": "export"}, "no option 'via' for reading comments: it is for api=claro"),
    ({"apiKey": "k"}, "no option 'apiKey' for reading comments: .*; here it is 'token'"),
    ({"quota": "redis://h"}, "this API tells of no rate limit"),
    ({"window": "8"}, "did you mean 'windows'?"),
    ({"windows": "65"}, "option 'windows' must be a whole number from 1 to 64, not '65'"),
    ({"windows": "0"}, "option 'windows' must be a whole number from 1 to 64"),
    ({"orderBy": "date"}, "option 'orderBy' must be created_at or timestamp, not 'date'"),
    ({"from": "2026-01-31"}, "'from' must be a time with its offset, such as 2026-01-31T00:00:00Z"),
    ({"to": "yesterday"}, "'to' must be a time with its offset"),
    (
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        "option 'from' is later than 'to'",
    ),
    ({"columns": "uid,body"}, "option 'columns' names 'body', .*; there are uid, id, source_id"),
    (
        {"sources": ",".join(map(str, range(1025)))},
        "option 'sources' must have up to 1024 ids, not 1025",
    ),
]


def pattern(text: str) -> str:
    """A text in which only ``.*`` stands for anything."""
    return ".*".join(map(re.escape, text.split(".*")))


@pytest.mark.parametrize(("given", "text"), READ)
def test_of_a_read(emulator: Emulator, given: dict[str, str], text: str) -> None:
    """Whatever the option, its name, its limit and a way out are in the error."""
    if given and "dataset" not in given:
        given = {"dataset": "d", **given}
    source = ClaroDataSource({"baseUrl": emulator.base_url, "apiKey": "k", **given})
    with pytest.raises(ConfigurationError, match=pattern(text)):
        source.schema()
    if "baseUrl" not in given:
        with pytest.raises(ConfigurationError, match=pattern(text)):
            source.reader(StructType())
    assert emulator.ledger.requests == []


@pytest.mark.parametrize(("given", "text"), WRITE)
def test_of_a_write(emulator: Emulator, tmp_path: Path, given: dict[str, str], text: str) -> None:
    """The same of a write, for which nothing is made in the folder of receipts either."""
    usual = {"dataset": "d", "baseUrl": emulator.base_url, "apiKey": "k"}
    usual |= {"receipts": str(tmp_path)} if given else {}
    schema = StructType().add("cell_id", "string").add("value", "double")
    with pytest.raises(ConfigurationError, match=pattern(text)):
        ClaroDataSource({**usual, **given}).writer(schema, overwrite=False)
    assert emulator.ledger.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("given", "text"), MINING)
def test_of_a_read_of_comments(emulator: Emulator, given: dict[str, str], text: str) -> None:
    """The same of comments, whose options are others."""
    usual = {"api": "mining", "dataset": "a/b", "baseUrl": emulator.mining_base_url, "token": "t"}
    source = ClaroDataSource({**usual, **given})
    with pytest.raises(ConfigurationError, match=pattern(text)):
        source.schema()
    with pytest.raises(ConfigurationError, match=pattern(text)):
        source.reader(StructType())
    assert emulator.ledger.requests == []


def test_what_is_given_is_taken(tmp_path: Path) -> None:
    """Names in any case, lists in both forms, and what is left out has its default."""
    read = read_options({"DATASET": "d", "windowrows": "3000", "columns": " a , b"})
    assert (read.dataset, read.window_rows, read.columns) == ("d", 3000, ("a", "b"))
    assert (read.via, read.client.quota) == ("auto", None)
    assert read_options({"dataset": "d", "columns": '["a, b"]'}).columns == ("a, b",)
    assert read_options({"dataset": "d", "via": "pages", "windowRows": "200000"}).window_rows
    write = write_options({"dataset": "d", "receipts": str(tmp_path)}, new_run=lambda: "r")
    assert (write.run, write.max_concurrency, write.on_error) == ("r", 32, "raise")
    mining = mining_options({"api": "mining", "dataset": "a/b/c", "sources": "s"})
    assert (mining.project, mining.name, mining.source_ids) == ("a", "b/c", ("s",))
    assert mining.windows == 8


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """Neither a key, a token nor the password of a Redis is in what is printed of options."""
    given = {"dataset": "a/b", "apiKey": "sesame", "quota": "redis://:sesame@host/0"}
    assert "sesame" not in repr(read_options(given))
    assert "sesame" not in repr(
        write_options({**given, "receipts": str(tmp_path)}, new_run=lambda: "r")
    )
    assert "sesame" not in repr(mining_options({"dataset": "a/b", "token": "sesame"}))


def test_an_option_of_no_purpose() -> None:
    """Where nothing is near, all that there are are listed."""
    with pytest.raises(ConfigurationError, match=r"no option 'zzz' for it; there are one, two$"):
        GivenOptions({"zzz": ""}, ("one", "two"), "it", {})
