"""Who may look: programs and pages of this machine that the emulator itself has served.

A web page elsewhere can make a browser send requests to loopback, and by DNS rebinding can even
read the replies. The ``Host`` that such a page sends is not a loopback name, its ``Origin`` is not
the emulator's, and without a preflight request, which is never answered, it can send neither JSON
nor bytes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from claro_async.emulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import web

REDACTED: Final = "[redacted]"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})
_NOT_OF_FORMS: Final = frozenset({"application/json", "application/octet-stream"})
_SECRET_NAME: Final = re.compile(
    r"authoriz|(?:^|[-_])auth(?:$|[-_])|(?:api|access)[-_]?key|token|secret|passw|cookie|credential",
    re.IGNORECASE,
)
"""Names of headers and query parameters that hold keys, of other services, too."""
_ENCODED: Final = re.compile(r"(?:%|\\+u00)([0-9A-Fa-f]{2})")
_NESTED: Final = 3
_SHORTEST_SECRET: Final = 8
"""A shorter key would be found in ordinary text; the headers that hold it are redacted anyway."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""What every reply of the console has."""


def check(request: web.BaseRequest, host: str, *, page: bool) -> None:
    """Refuse a request that the emulator's own page or a program of this machine did not make.

    Args:
        request: The request.
        host: The address that the emulator is bound to.
        page: Whether it asks for the page itself, to which others may have links.

    Raises:
        ApiError: ``FORBIDDEN`` (403), or ``INVALID_PARAMETERS`` (415) for a change that any web
            page could have sent.
    """
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or _name_of(hosts[0]) not in {*_LOOPBACK_NAMES, host.lower(), f"[{host}]"}:
        raise _forbidden("Host", "is not a loopback name")
    origins = request.headers.getall("Origin", [])
    same_origin = origins == [f"http://{hosts[0]}"]
    if origins and not same_origin:
        raise _forbidden("Origin", "is another one")
    site = request.headers.get("Sec-Fetch-Site", "none")
    is_link = page and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in _OWN_SITES and not is_link:
        raise _forbidden("Sec-Fetch-Site", "is another one")
    if request.method not in SAFE_METHODS and not same_origin:
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in _NOT_OF_FORMS:
            raise invalid("Content-Type", f"must be one of {sorted(_NOT_OF_FORMS)}", status=415)


def _forbidden(header: str, problem: str) -> ApiError:
    details = {"parameter": header, "message": problem}
    message = "The console is for this machine only"
    return ApiError("FORBIDDEN", details, message=message, status=403)


def _name_of(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and (port.isascii() and port.isdigit()) and name else host.lower()


def header_text(name: str, value: str) -> str:
    """Write the value of a header as it may be shown."""
    if not _SECRET_NAME.search(name):
        return value
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {REDACTED}" if blank and scheme.isalpha() else REDACTED


def query_text(query: str) -> str:
    """Write a query as it may be shown: the API takes no key there, but a program may send one."""
    if not _SECRET_NAME.search(query):
        return query
    return "&".join(map(_parameter_text, query.split("&")))


def _parameter_text(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    return f"{name}={REDACTED}" if equals and value and _SECRET_NAME.search(name) else parameter


class Secrets:
    """The keys that let somebody in.

    Args:
        keys: Tells what they are now.
    """

    def __init__(self, keys: Callable[[], Iterable[str]]) -> None:
        self._keys = keys

    def hide(self, text: str) -> str:
        """Take every key out of a text, also where it is written in JSON or in a URL."""
        keys = [key for key in self._keys() if len(key) >= _SHORTEST_SECRET]
        for key in keys:
            for form in sorted(_forms(key), key=len, reverse=True):
                if form in text:
                    text = text.replace(form, REDACTED)
        if not keys or not _escaped_letter(keys).search(text):
            return text
        plain = _ENCODED.sub(_decoded, text)
        for key in keys:
            if key in plain:  # some of its characters are escaped, as no program needs to
                text = re.sub("".join(map(_any_form, key)), REDACTED, text)
        return text


def _escaped_letter(keys: Iterable[str]) -> re.Pattern[str]:
    """A pattern for an escape of any of the keys' characters, which most texts have not."""
    codes = "|".join(sorted({f"{ord(each):02x}" for each in "".join(keys)}))
    return re.compile(rf"[%\\](?:(?<=%)|\\*u00)(?i:{codes})")


def _decoded(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _any_form(character: str) -> str:
    """A pattern for a character of a key as it is, in a URL, and as an escape of JSON."""
    code = f"{ord(character):02x}"
    return rf"(?:{re.escape(character)}|(?i:%{code}|\\+u00{code}))"


def _forms(key: str) -> set[str]:
    """The forms that a key has in URLs, in Python, and in JSON, also in JSON within JSON."""
    forms = {key, quote(key, safe=""), quote(key), repr(key)[1:-1]}
    for _ in range(_NESTED):
        forms |= {json.dumps(form, ensure_ascii=False)[1:-1] for form in forms}
    return forms
