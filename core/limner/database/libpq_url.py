"""PostgreSQL URLs as libpq's users write them, in the terms of pg8000.

Operators paste such URLs from their provider or from `psql`. What is understood is listed in `PARAMETERS`; anything else after
the question mark is refused, as it would be silently without effect.
"""

from __future__ import annotations

import os
import pwd
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from sqlalchemy.engine import URL

from limner.errors import ConfigurationError

PARAMETERS = ("host", "port", "application_name", "connect_timeout", "options", "sslmode", "sslrootcert")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PORT = 5432


def connect_arguments(url: URL, *, timeout: int) -> dict[str, Any]:  # as pg8000 takes them
    """The arguments for pg8000 that a URL asks for; `timeout` is the seconds to connect in where it says nothing.

    Raises ConfigurationError for a parameter that is unknown, or that cannot be what it is.
    """
    given = _parameters(url)
    host = given.get("host", unquote(url.host or "localhost"))
    port = _number(given, "port", url.port or PORT)
    on_this_machine = host.startswith("/")
    address = {"unix_sock": f"{host}/.s.PGSQL.{port}"} if on_this_machine else {"host": host, "port": port}
    return {
        **address,
        "user": url.username or _own_name(),
        "password": url.password or "",  # pg8000 fails oddly where a password is wanted and there is none
        "database": url.database,
        "application_name": given.get("application_name", "limner"),
        "timeout": _number(given, "connect_timeout", timeout) or None,
        "startup_params": {"options": given["options"]} if "options" in given else None,
        "ssl_context": False if on_this_machine else _tls(given),
    }


def _parameters(url: URL) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in url.query.items():
        if name not in PARAMETERS:
            raise _wrong(f"{name!r} is not understood", f"after the question mark: {', '.join(PARAMETERS)}")
        if not isinstance(value, str):
            raise _wrong(f"{name!r} is given twice", "give it once")
        found[name] = value
    return found


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdecimal():
        raise _wrong(f"{name} is {text!r}", "give a whole number")
    return int(text)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise _wrong("no user is named", "write postgresql://user@host/name") from error


def _tls(given: Mapping[str, str]) -> ssl.SSLContext | bool | None:
    """False without encryption, None with it where the server has it, True with it whoever answers; else what to verify."""
    mode, root = given.get("sslmode", "prefer"), given.get("sslrootcert", "system")
    if mode not in SSL_MODES:
        raise _wrong(f"sslmode is {mode!r}", f"one of {', '.join(SSL_MODES)}")
    if mode == "disable":
        return False
    if mode in ("allow", "prefer"):
        return None
    if mode == "require" and root == "system":
        return True
    try:
        context = ssl.create_default_context(cafile=None if root == "system" else root)
    except OSError as error:
        raise _wrong(f"sslrootcert cannot be read: {error}", "give a file of certificates in PEM, or 'system'") from error
    context.check_hostname = mode == "verify-full"
    return context


def _wrong(what: str, fix: str) -> ConfigurationError:
    return ConfigurationError(f"in the database URL, {what}", where="LIMNER_DATABASE_URL", fix=fix)
