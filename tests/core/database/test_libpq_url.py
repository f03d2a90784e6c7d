from __future__ import annotations

import os
import pwd
import ssl
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from limner.database.connection import Database
from limner.database.libpq_url import connect_arguments
from limner.errors import ConfigurationError


def arguments(url: str) -> dict[str, object]:
    return connect_arguments(make_url(url), timeout=10)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://ada@db.example/record", {"host": "db.example", "port": 5432}),
        ("postgresql://ada@db.example:6543/record", {"host": "db.example", "port": 6543}),
        ("postgresql://ada@/record", {"host": "localhost", "port": 5432}),
        ("postgresql://ada@/record?host=db.example&port=6543", {"host": "db.example", "port": 6543}),
        ("postgresql://ada@/record?host=/run/postgresql", {"unix_sock": "/run/postgresql/.s.PGSQL.5432"}),
        ("postgresql://ada@:6543/record?host=/run/postgresql", {"unix_sock": "/run/postgresql/.s.PGSQL.6543"}),
        ("postgresql://ada@%2Frun%2Fpostgresql/record", {"unix_sock": "/run/postgresql/.s.PGSQL.5432"}),
    ],
)
def test_a_url_says_where_the_server_is(url: str, address: dict[str, object]) -> None:
    found = arguments(url)
    assert {name: found[name] for name in ("host", "port", "unix_sock") if name in found} == address
    assert (found["user"], found["database"]) == ("ada", "record")


def test_a_url_may_say_more() -> None:
    found = arguments("postgresql://ada:s%40fe@h/record?application_name=ours&connect_timeout=3&options=-c%20search_path%3Dx")
    assert (found["password"], found["application_name"], found["timeout"]) == ("s@fe", "ours", 3)
    assert found["startup_params"] == {"options": "-c search_path=x"}


def test_what_a_url_leaves_out_is_filled_in() -> None:
    found = arguments("postgresql:///record")
    assert found["user"] == pwd.getpwuid(os.geteuid()).pw_name
    assert (found["password"], found["application_name"], found["timeout"]) == ("", "limner", 10)
    assert found["startup_params"] is None
    assert arguments("postgresql:///record?connect_timeout=0")["timeout"] is None  # without end, as in libpq


def test_tls_is_asked_for_as_in_libpq() -> None:
    def tls(query: str) -> object:
        return arguments(f"postgresql://ada@h/record?{query}")["ssl_context"]

    assert (tls(""), tls("sslmode=prefer"), tls("sslmode=require"), tls("sslmode=disable")) == (None, None, True, False)
    assert tls("sslmode=require&host=/run/postgresql") is False
    for mode, named in (("verify-ca", False), ("verify-full", True)):
        context = tls(f"sslmode={mode}")
        assert isinstance(context, ssl.SSLContext)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, named)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("channel_binding=require", "'channel_binding' is not understood"),
        ("password=secret", "'password' is not understood"),
        ("host=a&host=b", "'host' is given twice"),
        ("port=many", "port is 'many'"),
        ("connect_timeout=-1", "connect_timeout is '-1'"),
        ("sslmode=maybe", "sslmode is 'maybe'"),
        ("sslmode=verify-ca&sslrootcert=/nowhere.pem", "sslrootcert cannot be read"),
    ],
)
def test_what_a_url_cannot_ask_for_is_refused(query: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        Database(f"postgresql://ada@h/record?{query}")
    assert caught.value.where == "LIMNER_DATABASE_URL"
    assert caught.value.fix
    assert "secret" not in str(caught.value)


def test_a_file_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("not a certificate")
    with pytest.raises(ConfigurationError, match="sslrootcert cannot be read"):
        arguments(f"postgresql://ada@h/record?sslmode=require&sslrootcert={tmp_path / 'root.pem'}")


def test_a_user_without_a_name_has_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(ConfigurationError, match="no user is named"):
        arguments("postgresql:///record")
