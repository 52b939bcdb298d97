"""Where a quota is shared, as users name it: a URL or a store of their own, and the run."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import attrs

from claro_async._secret import Secret
from claro_async.errors import ConfigurationError
from claro_async.quota_store import QuotaStore

_LONGEST_RUN = 200  # characters


@attrs.frozen
class QuotaPlace:
    """Where a quota is shared.

    Attributes:
        where: A file, the URL of a Redis, or a store of the user's own.
        run: The run that the client belongs to; empty where it belongs to none.
    """

    where: Path | Secret | QuotaStore
    run: str = ""


def resolve_quota(quota: str | QuotaStore | None, run: str | None = None) -> QuotaPlace | None:
    """Where a quota is shared: a path for ``file:``, the URL itself for ``redis:``, or a store.

    Args:
        quota: The URL, which may name a run (``?run=ID``), or a store.
        run: The run that the client belongs to.

    Raises:
        ConfigurationError: Neither a store nor ``file:///absolute/path``, ``redis://`` or
            ``rediss://``; a run without a shared quota, or two of them.
    """
    if run is not None:
        check_run(run)
    if quota is None:
        if run is not None:
            raise ConfigurationError(
                "run= needs a shared quota, which is where a run is closed: pass quota= as well"
            )
        return None
    if not isinstance(quota, str):
        if not isinstance(quota, QuotaStore):
            raise ConfigurationError(
                f"quota must be a URL or a QuotaStore, not {type(quota).__name__}"
            )
        return QuotaPlace(quota, run or "")
    where, named = _read_quota_url(quota)
    if named is not None:
        check_run(named)
        if run is not None and run != named:
            raise ConfigurationError("run= and ?run= of the quota's URL name different runs")
    return QuotaPlace(where, run or named or "")


def check_run(run: object) -> None:
    """See to it that this can name a run.

    Raises:
        ConfigurationError: Empty, longer than 200 characters, or with characters that do not print.
    """
    is_text = isinstance(run, str) and 0 < len(run) <= _LONGEST_RUN and run.isprintable()
    if not is_text:
        raise ConfigurationError(
            f"a run's id must be 1 to {_LONGEST_RUN} printable characters, such as that of a job"
        )


def _read_quota_url(url: str) -> tuple[Path | Secret, str | None]:
    # the text is not shown: a Redis URL may hold a password
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        raise ConfigurationError("quota is not a URL") from None
    runs = [value for name, value in query if name == "run"]
    run = runs[0] if len(runs) == 1 else None
    if url.isprintable() and len(runs) <= 1:
        others = [pair for pair in query if pair[0] != "run"]
        if parts.scheme in {"redis", "rediss"} and parts.hostname:
            kept = urlunsplit(parts._replace(query=urlencode(others))) if runs else url
            return Secret(kept), run
        if parts.scheme == "file" and not (parts.netloc or others):
            text = unquote(parts.path)
            path = Path(text.lstrip("/") if os.name == "nt" else text)  # there: /C:/folder/file
            if path.is_absolute() and path.name and text.isprintable() and not parts.fragment:
                return path, run
    raise ConfigurationError(
        "quota must be file:///absolute/path for processes of one machine, redis://host/0 for"
        " several machines (each with ?run=ID where need be), or a QuotaStore"
    )
