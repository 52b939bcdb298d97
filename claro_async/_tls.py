"""TLS by the settings of a :class:`~claro_async.network.Network`."""

from __future__ import annotations

import ssl
from pathlib import Path
from ssl import SSLContext
from typing import TYPE_CHECKING

from claro_async.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from typing import TypeAlias

    FilePath: TypeAlias = str | os.PathLike[str]


def make_context(
    trust: SSLContext | FilePath | None,
    client_cert: FilePath | tuple[FilePath, ...] | None,
) -> SSLContext:
    """What checks the server's certificate, and shows the client's own.

    Args:
        trust: A file of CA certificates, ``system``, or a context to take as it is; None for those
            that OpenSSL comes with.
        client_cert: A file, or a file and its key, or these and a password.

    Raises:
        ConfigurationError: It cannot be made, or would let anybody pass for the server.
    """
    if isinstance(trust, SSLContext):
        if client_cert is not None:
            raise ConfigurationError("load client_cert into the SSLContext that ssl is")
        if trust.verify_mode is not ssl.CERT_REQUIRED:
            raise ConfigurationError(
                "ssl must verify certificates: without, anybody on the way could take the key;"
                " trust a CA of your own with ssl='/path/to/ca.pem'"
            )
        if not trust.check_hostname:
            raise ConfigurationError(
                "ssl must check host names: without, whoever has any certificate that is trusted"
                " could take the key"
            )
        return trust
    if trust == "system":
        context = _system_context()
    else:
        try:
            context = ssl.create_default_context(cafile=None if trust is None else _path(trust))
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigurationError(
                f"ssl: cannot read CA certificates from {trust}: {error}"
            ) from None
    if client_cert is not None:
        _load_client_cert(context, client_cert)
    return context


def _load_client_cert(context: SSLContext, client_cert: FilePath | tuple[FilePath, ...]) -> None:
    parts = client_cert if isinstance(client_cert, tuple) else (client_cert,)
    cert, key = _path(parts[0]), _path(parts[1]) if len(parts) > 1 else None
    password = str(parts[2]) if len(parts) > 2 else None  # noqa: PLR2004
    try:
        # a callback: without one, OpenSSL would ask on the terminal
        context.load_cert_chain(cert, key, password=lambda: password or "")
    except (OSError, ValueError) as error:
        reason = type(error).__name__ if password else error
        raise ConfigurationError(
            f"client_cert: cannot load {' and '.join(filter(None, (cert, key)))}: {reason}"
        ) from None


def _system_context() -> SSLContext:
    try:
        import truststore  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - optional
    except ImportError:
        raise ConfigurationError(
            "ssl='system' needs the package truststore: pip install truststore"
        ) from None
    context: SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context


def _path(given: FilePath) -> str:
    return str(Path(given).expanduser())
