"""What is said of an error, and the exit status that it means."""

from __future__ import annotations

import os
import re
import sys
import traceback
from typing import Final

import attrs
import click

from claro_async import errors
from claro_async.cli.exits import Exit
from claro_async.config import CLARO, COMMUNICATIONS_MINING

_SECRETS: Final = re.compile(
    r"((?:token|signature|key|password)=)[^&\s'\"]+|(Bearer )\S+", re.IGNORECASE
)
_SHORTEST_KEY: Final = 6  # characters; what is shorter also stands in ordinary words
_PASSWORDS: Final = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")


@attrs.frozen
class Explanation:
    """What is said of an error.

    Attributes:
        status: The exit status.
        message: What happened, in one line.
        next_step: What can be done about it, or empty.
    """

    status: Exit
    message: str
    next_step: str = ""


def tell(error: BaseException, *, debug: bool = False) -> int:
    """Say on stderr what happened, in one or two lines; return the exit status.

    Args:
        error: What ended the command.
        debug: Whether to show the traceback, without keys.
    """
    if isinstance(error, BrokenPipeError):
        return Exit.DONE  # whoever reads the output has what they want
    if debug:
        _say(redacted("".join(traceback.format_exception(error))))
    explanation = explain(error)
    _say(f"Error: {explanation.message}")
    if explanation.next_step:
        _say(f"Next: {explanation.next_step}")
    return explanation.status


def explain(error: BaseException) -> Explanation:
    """What an error means for the user."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Explanation(Exit.INTERRUPTED, "interrupted")
    if isinstance(error, click.ClickException):
        return _of_click(error)
    if isinstance(error, BaseExceptionGroup) and not isinstance(error, errors.BulkUpdateError):
        return explain(error.exceptions[0])
    if isinstance(error, errors.ClaroError):
        return _of_library(error)
    return _of_python(error)


def redacted(text: str) -> str:
    """A text without keys, tokens and passwords, whoever put them there."""
    for name in (*CLARO.api_key, *COMMUNICATIONS_MINING.api_key):
        key = os.environ.get(name, "")
        if len(key) >= _SHORTEST_KEY:
            text = text.replace(key, "***")
    text = _PASSWORDS.sub(r"\1***", text)
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}***", text)


def _say(text: str) -> None:
    try:
        click.echo(text.rstrip("\n"), err=True)
    except OSError:
        return  # nobody reads it
    sys.stderr.flush()


def _of_click(error: click.ClickException) -> Explanation:
    message = error.format_message()
    if not isinstance(error, click.UsageError):
        return Explanation(Exit.FAILED, message)
    context = error.ctx
    return Explanation(Exit.USAGE, message, _help(context))


def _help(context: click.Context | None) -> str:
    return f"{context.command_path if context else 'claro'} --help"


def _of_library(error: errors.ClaroError) -> Explanation:
    for kind, status, next_step in _KINDS:
        if isinstance(error, kind):
            return Explanation(status, _message(error), next_step)
    return Explanation(Exit.FAILED, _message(error))


def _message(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


_KINDS: Final[tuple[tuple[type[errors.ClaroError], Exit, str], ...]] = (
    (
        errors.AuthenticationError,
        Exit.NOT_AUTHORISED,
        "claro auth status shows the key in use; claro auth login stores another",
    ),
    (
        errors.PermissionDeniedError,
        Exit.NOT_AUTHORISED,
        "use a key that may do this: claro auth list, then --profile NAME",
    ),
    (errors.DatasetNotFoundError, Exit.FAILED, "claro datasets list shows the ids"),
    (errors.DatasourceNotFoundError, Exit.FAILED, "claro datasources list shows the ids"),
    (
        errors.ColumnNotFoundError,
        Exit.FAILED,
        "claro columns list DATASET shows the ids of its columns",
    ),
    (errors.CellNotFoundError, Exit.FAILED, "claro rows DATASET --cell-ids shows the cells' ids"),
    (
        errors.ProcessingInProgressError,
        Exit.FAILED,
        "claro datasets wait DATASET, then again",
    ),
    (errors.RateLimitError, Exit.FAILED, "wait, then again; claro doctor shows the quota"),
    (
        errors.OutcomeUnknownError,
        Exit.FAILED,
        "see whether it was applied before it is done again",
    ),
    (
        errors.RequestTimeoutError,
        Exit.FAILED,
        "again; claro doctor shows whether the API can be reached",
    ),
    (
        errors.ConnectionFailedError,
        Exit.FAILED,
        "claro doctor shows how the API is reached; see --base-url and --proxy",
    ),
    (errors.ServerError, Exit.FAILED, "again in a while; claro doctor shows whether it answers"),
    (
        errors.TableFileError,
        Exit.FAILED,
        "mend the file, or say by --input-format, --delimiter and --encoding what it is",
    ),
    (
        errors.JournalIncompleteError,
        Exit.FAILED,
        "remove the file, and give the command that began the job again: nothing was sent",
    ),
    (errors.JournalError, Exit.FAILED, "claro journal show FILE says what a journal holds"),
    (
        errors.MissingKeyError,
        Exit.NOT_AUTHORISED,
        "claro auth login stores a key; or set CLARO_API_KEY",
    ),
    (errors.ConfigurationError, Exit.USAGE, "claro auth status shows the settings in use"),
)


def _of_python(error: BaseException) -> Explanation:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError) and " " in str(error):  # of a sentence, as the library's are
        return Explanation(Exit.USAGE, str(error.args[0]))
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
        return Explanation(Exit.USAGE, text)
    if isinstance(error, TimeoutError):
        return Explanation(Exit.FAILED, text, "again, with more time")
    if isinstance(error, OSError):
        return Explanation(Exit.FAILED, _of_os(error))
    if isinstance(error, ImportError):
        return Explanation(Exit.FAILED, text)
    return Explanation(
        Exit.FAILED,
        f"unexpected {type(error).__name__}: {text}",
        "again with --debug, which shows where",
    )


def _of_os(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
