"""A request as text that sends it again: a curl command, a program, and a test.

No key is in any of them: they read it from the environment, and a test has an emulator of its own.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Final

from claro_async.emulator.console import copied_calls, copied_tests
from claro_async.emulator.console.copied_calls import Copied, copied
from claro_async.emulator.console.security import REDACTED, header_text, query_text
from claro_async.emulator.errors import invalid
from claro_async.emulator.mining.routing import MINING_PREFIX
from claro_async.emulator.routing import API_PREFIX, DOWNLOAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.emulator.console.asking import Desk
    from claro_async.emulator.recent import Kept

FORMS: Final = ("curl", "python", "pytest")
_BY_CURL_ITSELF: Final = frozenset(
    {"host", "accept", "accept-encoding", "user-agent", "connection", "content-length", "expect"}
)


def write(desk: Desk, kept: Kept, form: str) -> str:
    """Write a request in one of `FORMS`.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` where it cannot be written so.
    """
    if not (kept.record.raw_path + kept.record.query).isprintable():
        raise invalid("as", "the path or the query holds what no command line and no program can")
    what = copied(kept)
    if form == "curl":
        return _curl(desk, what)
    if form == "python":
        return copied_calls.program(what)
    return copied_tests.test_case(desk.world, what)


def _curl(desk: Desk, what: Copied) -> str:
    record = what.kept.record
    target = record.raw_path + (f"?{query_text(record.query)}" if record.query else "")
    lines = [f"curl -sS{_options(record.method, target)} {_url(desk, target)}"]
    lines += [f"-H {_quoted_key(what)}"] if _has_key(what) else []
    lines += [f"-H {shlex.quote(text)}" for text in _headers(what)]
    if what.upload is not None:
        file = what.upload
        lines.append(
            f"-F {shlex.quote(f'file=@-;filename={json.dumps(file.name, ensure_ascii=False)}')}"
        )
        return f"printf %s {shlex.quote(file.text())} | " + " \\\n  ".join(lines)
    if what.body:
        lines.append(f"--data-raw {shlex.quote(what.text())}")
    return " \\\n  ".join(lines)


def _options(method: str, target: str) -> str:
    """The method, and what keeps curl from reading more into the target than stands there."""
    options = " --head" if method == "HEAD" else f" -X {shlex.quote(method)}"
    if any(mark in target for mark in "[]{}"):
        options += " --globoff"
    return options + (" --path-as-is" if "/." in target else "")


def _has_key(what: Copied) -> bool:
    record = what.kept.record
    return record.operation != DOWNLOAD and record.authorization != "absent"


def _quoted_key(what: Copied) -> str:
    record = what.kept.record
    if record.authorization == "wrong":
        return shlex.quote(f"Authorization: Bearer {copied_calls.WRONG_KEY}")
    mining = record.raw_path.startswith(MINING_PREFIX)
    name = "COMMUNICATIONS_MINING_TOKEN" if mining else "CLARO_API_KEY"
    return f'"Authorization: Bearer ${name}"'


def _url(desk: Desk, target: str) -> str:
    for prefix, name in ((API_PREFIX, "CLARO"), (MINING_PREFIX, "COMMUNICATIONS_MINING")):
        if target.startswith(prefix):
            return f'"${name}_BASE_URL"{shlex.quote(target[len(prefix) :])}'
    return shlex.quote(desk.origin() + target)


def _headers(what: Copied) -> Iterator[str]:
    """The headers that matter, as curl takes them; those with secrets are left out."""
    headers = what.kept.record.headers
    for name, value in headers.items():
        is_of_form = name.lower() == "content-type" and what.upload is not None
        if name.lower() in _BY_CURL_ITSELF or is_of_form:
            continue
        if not value.isprintable():
            raise invalid("as", f"the header {name} holds what no command line can")
        if REDACTED not in header_text(name, value):
            yield f"{name}: {value}" if value else f"{name};"
    if what.body and "Content-Type" not in headers:
        yield "Content-Type:"  # which leaves off the one of curl's own
