"""The heads of requests, of which nearly all is made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from claro_async._secret import Secret
    from claro_async.wire.requests import HttpRequest

    RequestWriter: TypeAlias = Callable[[HttpRequest, Callable[[bytes], object]], None]


def request_writer(prefix: str, headers: Iterable[tuple[str, str]], key: Secret) -> RequestWriter:
    """What writes a request, head and body at once.

    It is a function, not an object, and hands the bytes on instead of returning them: so the key
    shows in no attribute, and in no frame that an exception or a cancellation passes.

    Args:
        prefix: The path of the API's root.
        headers: What goes out with every request, but for the key.
        key: The API's key.
    """
    fixed = "".join(f"{name}: {text}\r\n" for name, text in headers)
    version = f" HTTP/1.1\r\n{fixed}"
    authorization = f"Authorization: Bearer {key.reveal()}\r\n\r\n"
    after_length = f"\r\nContent-Type: application/json\r\n{authorization}"

    def write(request: HttpRequest, send: Callable[[bytes], object]) -> None:
        further = ""
        if request.headers:
            further = "".join(f"{name}: {text}\r\n" for name, text in request.headers.items())
        content = request.content
        rest = authorization if content is None else f"Content-Length: {len(content)}{after_length}"
        head = f"{request.method} {prefix}{request.target}{version}{further}{rest}".encode()
        send(head if content is None else head + content)

    return write


def is_plain(request: HttpRequest) -> bool:
    """Whether what a request says of itself stays on its line, and in its place on it."""
    target, headers = request.target, request.headers
    return (
        target.isascii()
        and target.isprintable()
        and " " not in target
        and (not headers or all(map(str.isprintable, (*headers, *headers.values()))))
    )
