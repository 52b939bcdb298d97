"""``claro cells`` and ``claro sync``: cells set by their ids, from a file, or from a table."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import click

from claro_async.cli.bulk import journal_option, report_option, reserve_option
from claro_async.cli.commands import Command, Group
from claro_async.cli.exits import Exit
from claro_async.cli.invocation import Invocation, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from claro_async.bulk.plan import UpdatePlan
    from claro_async.bulk.sync import SyncPlan
    from claro_async.cli.jobs import Job
    from claro_async.dataset import Dataset
    from claro_async.tables import TableReader

_SAMPLE = 10  # changes that a dry run shows
_NAMED = 5  # keys and values that are named on stderr
_FORMATS = ("csv", "json", "jsonl", "parquet", "arrow")


@attrs.frozen(kw_only=True)
class Source:
    """A file of rows or edits, as the command line gives it.

    Attributes:
        path: The file, ``-`` for standard input.
        input_format: Its format, or None for what its name says.
        delimiter: What separates the values of a CSV file, or None.
        encoding: Its encoding, or None.
    """

    path: str
    input_format: Any
    delimiter: str | None
    encoding: str | None

    def reader(self, *, values_are_json: bool = False) -> TableReader:
        """What reads it.

        Raises:
            ValueError: Its format is not known.
        """
        from claro_async.tables import read_rows  # noqa: PLC0415 - light, but not for a help text

        return read_rows(
            self.path,
            self.input_format or ("jsonl" if self.path == "-" else None),
            delimiter=self.delimiter,
            encoding=self.encoding,
            json_columns=["value"] if values_are_json else (),
        )


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    """One decorator of many, whose options are shown in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_file_options = _options(
    click.option(
        "--input-format",
        type=click.Choice(_FORMATS),
        help="Format of the file; by default its suffix says it, and '-' is jsonl.",
    ),
    click.option("--delimiter", help="What separates the values of a CSV file."),
    click.option("--encoding", help="Encoding of the file; by default UTF-8."),
)
_job_options = _options(
    click.option(
        "--blanks",
        type=click.Choice(["null", "text"]),
        default="null",
        help="What an empty value means in a column of text, where values are converted.",
    ),
    click.option(
        "--on-type-error",
        type=click.Choice(["raise", "null", "string"]),
        default="raise",
        help="What becomes of a value that does not fit its column.",
    ),
    click.option("--dry-run", is_flag=True, help="Show what would change; change nothing."),
    journal_option,
    reserve_option,
    report_option,
)


@click.group(cls=Group)
def cells() -> None:
    """Set a cell, or the cells that a file names."""


@cells.command("set")
@click.argument("dataset")
@click.argument("cell", required=False)
@click.argument("value", required=False)
@click.option("--from", "path", metavar="FILE", help="File of edits or rows; - is stdin.")
@click.option("--key", metavar="COLUMN", help="Match the rows of the file by this column.")
@click.option("--coerce", is_flag=True, help="With --key: convert values by the columns' types.")
@click.option("--json", "is_json", is_flag=True, help="VALUE, or the values of a CSV, are JSON.")
@_file_options
@_job_options
@runs
async def set_cells(  # noqa: PLR0913 - its options
    cli: Invocation,
    /,
    *,
    dataset: str,
    cell: str | None,
    value: str | None,
    path: str | None,
    key: str | None,
    coerce: bool,
    is_json: bool,
    **options: Any,
) -> Exit | None:
    """Set a cell, or the cells that a file names.

    claro cells set DATASET CELL VALUE sets one. With --from, the file has the columns cell_id and
    value, or row_id, column and value; with --key, it is a table whose rows are matched by a
    column. Of more than 1,000 edits a journal is kept, from which the job goes on after any
    interruption.
    """
    _check_set(cell=cell, value=value, path=path, key=key, coerce=coerce, is_json=is_json)
    if path is None:
        new = _parsed(value) if is_json else value
        return await _set_one(cli, dataset, str(cell), new, options)
    source = _source(path, options)

    async def plan(target: Dataset) -> UpdatePlan:
        if key is None:
            return await target.plan_updates(source.reader(values_are_json=is_json))
        return await _plan_from(target, source, key, options, coerce=coerce)

    return await _run(cli, _job("cells set", dataset, options), plan, dry_run=options["dry_run"])


@click.command(cls=Command)
@click.argument("dataset")
@click.option("--from", "path", metavar="FILE", required=True, help="The table; - is stdin.")
@click.option("--key", metavar="COLUMN", required=True, help="Column by which rows are matched.")
@click.option(
    "--coerce/--no-coerce",
    default=True,
    help="Whether to convert values by the columns' types; by default they are.",
)
@_file_options
@_job_options
@runs
async def sync(
    cli: Invocation, /, *, dataset: str, path: str, key: str, coerce: bool, **options: Any
) -> Exit | None:
    """Make the rows of a dataset agree with those of a table: the table wins.

    Rows are matched by a key column, and only cells that differ are sent. Rows that only one of the
    two has are named, and left as they are.
    """
    source = _source(path, options)

    async def plan(target: Dataset) -> UpdatePlan:
        return await _plan_from(target, source, key, options, coerce=coerce)

    return await _run(cli, _job("sync", dataset, options), plan, dry_run=options["dry_run"])


def _check_set(  # noqa: PLR0913 - the options that exclude each other
    *,
    cell: str | None,
    value: str | None,
    path: str | None,
    key: str | None,
    coerce: bool,
    is_json: bool,
) -> None:
    if (path is None) == (cell is None) or (cell is None) != (value is None):
        raise click.UsageError("give CELL and VALUE, or --from FILE")
    if path is None and key is not None:
        raise click.UsageError("--key matches the rows of a file: give --from FILE")
    if coerce and key is None:
        raise click.UsageError(
            "--coerce needs --key: a cell's id does not say its column; --json takes values as JSON"
        )
    if is_json and key is not None:
        raise click.UsageError("--json is for cells by their ids; --coerce converts with --key")


def _parsed(text: str | None) -> Any:
    from claro_async.tables.json_files import decode_json  # noqa: PLC0415 - seldom wanted

    try:
        return decode_json(text or "")
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"VALUE is not JSON ({error}); a text is given in quotes") from None


def _source(path: str, options: dict[str, Any]) -> Source:
    names = ("input_format", "delimiter", "encoding")
    return Source(path=path, **{name: options[name] for name in names})


def _job(command: str, dataset: str, options: dict[str, Any]) -> Job:
    from claro_async.cli.jobs import Job  # noqa: PLC0415 - brings the library in

    return Job(
        command=command,
        dataset_id=dataset,
        journal=options["journal"],
        page=options["report"],
        reserve=options["reserve"],
    )


async def _set_one(
    cli: Invocation, dataset: str, cell: str, value: Any, options: dict[str, Any]
) -> Exit | None:
    if options["dry_run"] or options["journal"] or options["report"]:

        async def plan(target: Dataset) -> UpdatePlan:
            return await target.plan_updates([(cell, value)], skip_unchanged=options["dry_run"])

        job = _job("cells set", dataset, options)
        return await _run(cli, job, plan, dry_run=options["dry_run"])
    async with cli.claro() as claro:
        cli.record((await claro.dataset(dataset).update_cell(cell, value)).to_dict())
    return Exit.DONE


async def _plan_from(
    target: Dataset, source: Source, key: str, options: dict[str, Any], *, coerce: bool
) -> SyncPlan:
    return await target.plan_from(
        source.reader(),
        key=key,
        coerce="column" if coerce else None,
        blanks=options["blanks"],
        on_type_error=options["on_type_error"],
    )


async def _run(
    cli: Invocation,
    job: Job,
    make_plan: Callable[[Dataset], Coroutine[Any, Any, UpdatePlan]],
    *,
    dry_run: bool,
) -> Exit | None:
    """Plan, then show the plan or do it."""
    from claro_async.bulk.stopping import run_until  # noqa: PLC0415 - brings the library in
    from claro_async.cli import jobs  # noqa: PLC0415 - brings the library in

    with cli.stop_on_interrupt() as stop:
        async with cli.claro() as claro:
            async with cli.progress("planning", claro):
                planned = await run_until(make_plan(claro.dataset(job.dataset_id)), stop)
                plan = None if planned is None else planned.result()
            if plan is None:
                cli.warn(f"nothing was sent; {jobs.same_command()}")
                return Exit.INTERRUPTED
            with plan:
                _tell_findings(cli, plan)
                if dry_run:
                    return _show(cli, plan)
                return await jobs.apply(cli, claro, plan, job, stop)


def _tell_findings(cli: Invocation, plan: UpdatePlan) -> None:
    """Name on stderr what a plan found beside its changes."""
    for cell in plan.unknown_cells[:_NAMED]:
        cli.say(f"the dataset has no cell {cell!r}")
    found: SyncPlan | Any = plan
    with suppress(AttributeError):  # a plan of edits has no keys
        for name, keys in (("unknown", found.unknown_keys), ("duplicate", found.duplicate_keys)):
            if keys:
                shown = ", ".join(map(repr, keys[:_NAMED])) + (", …" if len(keys) > _NAMED else "")
                cli.say(f"{len(keys):,} {name} keys: {shown}")
        if found.extra_rows:
            cli.say(f"{found.extra_rows:,} rows of the dataset are not in the table, and stay")
        for misfit in found.misfits[:_NAMED]:
            where = misfit.place or f"row {misfit.row}"
            cli.say(f"{where}, column {misfit.column!r}: {misfit.value!r:.80} does not fit")
        if found.misfit_count > _NAMED:
            cli.say(f"… and {found.misfit_count - _NAMED:,} more values do not fit")


def _show(cli: Invocation, plan: UpdatePlan) -> Exit:
    """Write a plan, and a sample of its changes."""
    figures = plan.to_dict()
    sample = [change.to_dict() for change, _ in zip(plan, range(_SAMPLE), strict=False)]
    if cli.form == "table":
        cli.record(figures)
        with cli.records(("cell_id", "previous_value", "value")) as records:
            for change in sample:
                records.add(change)
    else:
        cli.record({**figures, "sample": sample})
    return Exit.FAILED if figures.get("duplicate_keys") else Exit.DONE
