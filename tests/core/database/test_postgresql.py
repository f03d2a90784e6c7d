from __future__ import annotations

import datetime
import ipaddress
import itertools
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from limner.database.connection import Database, is_outage
from limner.database.postgresql import TCP_OPTIONS, copied
from limner.database.tables import texts

if TYPE_CHECKING:
    from tests.core.conftest import PostgreSQLServer

Through = Callable[..., str]


@pytest.fixture
def database(postgresql: PostgreSQLServer) -> Iterator[Database]:
    postgresql.empty_the_migrated_one()
    with closing(Database(postgresql.migrated)) as opened:
        yield opened


def fail_with(database: Database, code: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught, database.reading() as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = '{code}'; END $$"))
    return caught.value


@pytest.mark.parametrize(
    "code", ["08006", "25006", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P03", "58030"]
)
def test_a_server_that_cannot_do_it_now_is_an_outage(database: Database, code: str) -> None:
    error = fail_with(database, code)
    assert is_outage(error)
    assert str(error.orig) == f"it failed (SQLSTATE {code})"


@pytest.mark.parametrize(
    "code", ["0A000", "22021", "23502", "23505", "25001", "28000", "28P01", "3D000", "42601", "54000", "XX000"]
)
def test_what_asking_again_would_not_mend_is_no_outage(database: Database, code: str) -> None:
    error = fail_with(database, code)
    assert not is_outage(error)
    assert isinstance(error, IntegrityError if code.startswith("23") else ProgrammingError)
    assert str(error.orig) == f"it failed (SQLSTATE {code})"


def test_a_lock_that_is_not_to_be_had_is_an_outage(database: Database) -> None:
    def read_at_once() -> None:
        with database.reading() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '1ms'"))
            connection.execute(select(texts))

    with database.reading() as holder:
        holder.execute(text("LOCK TABLE texts"))
        with pytest.raises(DBAPIError, match="lock timeout") as caught:
            read_at_once()
    assert is_outage(caught.value)


def test_nobody_listening_is_an_outage_that_says_so(through: Through, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    for url in (f"postgresql://u@127.0.0.1:{port}/x", f"postgresql://u@/x?host={tmp_path}", "postgresql://u@nowhere.invalid/x"):
        with closing(Database(url)) as database, pytest.raises(DBAPIError) as caught, database.reading():
            pass
        assert is_outage(caught.value)
        assert "Errno" in str(caught.value.orig)


@pytest.mark.parametrize("reset", [False, True])
def test_a_network_that_breaks_at_whatever_point_is_an_outage(through: Through, reset: bool) -> None:
    numbers = itertools.count()

    def use(url: str) -> None:
        with closing(Database(url)) as database, database.writing() as connection:
            rows = [{"hash": f"{reset} {next(numbers)}", "kind": "k", "text": b"x" * 100} for _ in range(2)]
            connection.execute(insert(texts), rows)
            connection.execute(select(texts).limit(2)).all()

    whole = Budget(1_000_000)
    use(through(passes=whole))
    received = 1_000_000 - whole.left
    assert received > 1000
    for budget in range(0, received, 97):
        with pytest.raises(DBAPIError) as caught:
            use(through(passes=Budget(budget), reset=reset))
        assert is_outage(caught.value), budget


class Budget:
    """Lets so many bytes through from the server, in all."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, from_server: bool, data: bytes) -> int:
        if not from_server:
            return len(data)
        passed = min(len(data), self.left)
        self.left -= passed
        return passed


def test_what_the_server_says_when_it_ends_a_session_is_told(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DBAPIError, match="terminating connection due to") as caught, database.reading() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_outage(caught.value)
    assert caplog.messages == []  # to close what is lost is nothing to complain of


def test_what_the_server_says_when_it_lets_nobody_in_is_told(through: Through) -> None:
    nowhere = through().rpartition("/")[0] + "/nowhere"
    with closing(Database(nowhere)) as database, pytest.raises(DBAPIError) as caught, database.reading():
        pass
    assert str(caught.value.orig) == 'database "nowhere" does not exist (SQLSTATE 3D000)'
    assert not is_outage(caught.value)


def test_a_connection_that_died_while_nobody_used_it_is_replaced(database: Database, postgresql: PostgreSQLServer) -> None:
    with database.reading() as connection:
        dead = connection.scalar(text("SELECT pg_backend_pid()"))
    postgresql.execute(f"SELECT pg_terminate_backend({dead}, 10000)")
    with database.reading() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != dead


def test_a_text_that_cannot_be_sent_does_not_put_answers_out_of_step(database: Database) -> None:
    parameter = select(bindparam("text"))
    with database.reading() as connection:
        for size in (1, 100_000):
            with pytest.raises(UnicodeEncodeError):
                connection.execute(parameter, {"text": "\ud800" * size})
            for number in range(5):
                assert connection.scalar(parameter, {"text": str(number)}) == str(number)


def test_a_statement_takes_one_exchange_with_the_server_however_many_its_rows(through: Through) -> None:
    asked: list[bytes] = []

    def listen(from_server: bool, data: bytes) -> int:
        if not from_server:
            asked.append(data)
        return len(data)

    with closing(Database(through(passes=listen))) as database, database.writing() as connection:
        asked.clear()
        connection.execute(insert(texts), [{"hash": str(number), "kind": "k", "text": b""} for number in range(50)])
        assert len(asked) == 1
        assert connection.execute(select(texts.c.kind)).scalars().all() == ["k"] * 50


def test_a_dead_network_is_noticed_from_both_ends(through: Through) -> None:
    with closing(Database(through())) as database, database.reading() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver._usock.gettimeout() is None
        assert driver._usock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = {name: getattr(socket, name) for name in TCP_OPTIONS if hasattr(socket, name)}
        for name, option in options.items():
            assert driver._usock.getsockopt(socket.IPPROTO_TCP, option) == TCP_OPTIONS[name]


@pytest.mark.parametrize("tls", [False, True])
def test_a_password_opens_what_is_locked(through: Through, tmp_path: Path, tls: bool) -> None:
    url = through(tls=Authority(tmp_path).context("127.0.0.1") if tls else None).replace("postgres@", "locked:open%20sesame@")
    with closing(Database(url)) as database, database.reading() as connection:
        assert connection.scalar(text("SELECT current_user")) == "locked"


@pytest.mark.parametrize("password", ["", ":sesame"])
def test_a_wrong_password_is_no_outage(through: Through, password: str) -> None:
    url = through().replace("postgres@", f"locked{password}@")
    with closing(Database(url)) as database, pytest.raises(DBAPIError) as caught, database.reading():
        pass
    assert str(caught.value.orig) == 'password authentication failed for user "locked" (SQLSTATE 28P01)'
    assert not is_outage(caught.value)


class Authority:
    """Signs certificates, its own first."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._folder = folder
        self.file = self._sign(self._key, "authority", x509.BasicConstraints(True, None))

    def context(self, address: str) -> ssl.SSLContext:
        """What a server at this address needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._sign(key, address, names)
        key_file = self._folder / "key.pem"
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key_file)
        return context

    def _sign(self, key: ec.EllipticCurvePrivateKey, name: str, extension: x509.ExtensionType) -> Path:
        now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.subject_name(_name(name)).issuer_name(_name("authority"))
        builder = builder.not_valid_before(now - day).not_valid_after(now + day).add_extension(extension, critical=True)
        path = self._folder / f"{name}.pem"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@pytest.mark.parametrize(
    ("mode", "address", "root", "fault"),
    [
        ("prefer", "127.0.0.1", "", ""),
        ("require", "127.0.0.9", "", ""),
        ("verify-ca", "127.0.0.9", "authority", ""),
        ("verify-full", "127.0.0.1", "authority", ""),
        ("require", "127.0.0.1", "stranger", "certificate verify failed"),
        ("verify-ca", "127.0.0.1", "", "certificate verify failed"),
        ("verify-full", "127.0.0.9", "authority", "not valid for '127.0.0.1'"),
    ],
)
def test_sslmode_means_what_it_does_in_libpq(
    through: Through, tmp_path: Path, mode: str, address: str, root: str, fault: str
) -> None:
    for name in ("authority", "stranger"):
        (tmp_path / name).mkdir()
    authority, stranger = Authority(tmp_path / "authority"), Authority(tmp_path / "stranger")
    roots = {"authority": authority.file, "stranger": stranger.file, "": "system"}
    url = f"{through(tls=authority.context(address))}?sslmode={mode}&sslrootcert={roots[root]}"
    with closing(Database(url)) as database:
        if fault:
            with pytest.raises(DBAPIError, match=fault), database.reading():
                pass
            return
        with database.reading() as connection:
            driver: Any = connection.connection.driver_connection
            assert isinstance(driver._usock, ssl.SSLSocket)
            assert connection.scalar(text("SELECT 1")) == 1


def test_a_server_without_tls_is_taken_only_where_that_is_allowed(through: Through) -> None:
    url = through()
    for mode in ("disable", "allow", "prefer"):
        with closing(Database(f"{url}?sslmode={mode}")) as database, database.reading() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
    for mode in ("require", "verify-ca", "verify-full"):
        with closing(Database(f"{url}?sslmode={mode}")) as database, pytest.raises(DBAPIError, match="SSL"), database.reading():
            pass


def test_rows_come_in_pieces_of_whole_messages_and_sorting_is_as_it_was(database: Database) -> None:
    sizes = [10, 300_000, 0, 70_000, 10]  # some larger than what is read at once
    with database.writing() as connection:
        connection.execute(
            insert(texts), [{"hash": str(at), "kind": "k", "text": b"x" * size} for at, size in enumerate(sizes)]
        )
    messages: list[bytes] = []

    def take(data: bytes) -> int:
        at = 0
        while (
            len(data) >= at + 5
            and len(data) >= (end := at + 1 + int.from_bytes(data[at + 1 : at + 5]))
            and data[at] == ord("d")
        ):
            messages.append(data[at + 5 : end])
            at = end
        return at

    with database.reading() as connection:
        copied(connection, select(texts.c.text).order_by(texts.c.hash), take)
        assert connection.scalar(text("SHOW enable_sort")) == "on"
        assert connection.scalar(select(func.count()).select_from(texts)) == len(sizes)
    header, *rest = messages
    assert [len(row) - 6 for row in (header[19:], *rest[:-1])] == sizes
    assert rest[-1] == b"\xff\xff"
