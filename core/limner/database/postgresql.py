"""PostgreSQL through pg8000, set up so that a commit is durable, and that it is plain whether the server failed or a statement.

pg8000 reports a lost server in many ways, not all of them with its own exceptions, and calls nearly all that a server answers
a ProgrammingError. Here, what ends a connection is an InterfaceError that begins with `LOST`, by which SQLAlchemy knows to
throw the connection away; and an answer becomes that exception of PEP 249 which its SQLSTATE calls for.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from struct import Struct
from typing import Any

import pg8000
from pg8000.converters import make_params
from pg8000.core import COPY_DATA, COPY_DONE, NULL_BYTE, SYNC, Context, _flush
from sqlalchemy import BigInteger, Dialect, Engine, Integer, Select, String, Table, create_engine, event
from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeEngine

from limner.database.libpq_url import connect_arguments

# How the SQLSTATEs begin that say: rightly asked, but it cannot be done now. The connection failed, transactions met, resources
# ran out, something is locked or not ready, an operator stepped in, the system failed; or, after a failover, it is read-only.
OUTAGES = ("08", "40", "53", "55", "57", "58", "25006")
VIOLATIONS = "23"  # of constraints
LOST = "network error"
BEGIN = "begin transaction"  # as pg8000 says it before the first statement of a transaction
COPY = "limner_copy"  # the execution option with what takes the pieces of a COPY, or the bytes that a COPY reads
BUFFER = 2**18  # bytes read at once

# What the binary format of COPY is made of.
COPY_BEGINS, COPY_ENDS = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
FIELDS, LENGTH, INTEGER, LONG = Struct(">h"), Struct(">i"), Struct(">ii"), Struct(">iq")  # numbers follow their lengths
NULL = LENGTH.pack(-1)

Taker = Callable[[bytes], int]
"""Takes a piece of a COPY, as messages of the protocol: each is "d", its length without that letter, and a row. What is taken
are whole messages, and what is returned is how many bytes they had. It must not raise."""

# A dead network ends in an error and not in waiting: what was sent may wait for 10 s, and a silent connection is given up after
# 30 s. So it is at the server too, which else would keep a dead machine's leases for hours.
TCP_OPTIONS = {"TCP_NODELAY": 1, "TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
SETTINGS = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
SET lock_timeout = '{patience}s';
SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
"""


def open_engine(url: URL, *, patience: int) -> Engine:
    """An engine for the server at `url`; nothing is connected to yet. `patience`, in seconds, is for connecting and for locks.

    Raises ConfigurationError if the URL asks for what is not understood.
    """
    arguments = connect_arguments(url, timeout=patience)
    engine = create_engine(url.set(query={}), isolation_level="READ COMMITTED", pool_pre_ping=True, connect_args=arguments)
    engine.dialect.use_insertmanyvalues_wo_returning = True  # many rows in one statement
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", lambda connection, record: _prepare(connection, patience))
    event.listen(engine, "handle_error", _explained)
    event.listen(engine, "do_execute", _copy)
    return engine


def copied(connection: SQLAlchemyConnection, query: Select[*tuple[Any, ...]], take: Taker) -> None:
    """Have the rows of a query taken in the binary format of COPY, in pieces, while the server goes on with the next.

    To decode them from it takes half the time that pg8000 takes by itself. The rows are to be in the order of an index, by
    which they are read: a server without statistics would rather sort a whole table for its first page. Raises DBAPIError as
    any statement does.
    """
    statement = query.compile(connection, compile_kwargs={"literal_binds": True})
    options = {COPY: take}
    connection.exec_driver_sql("SET LOCAL enable_sort = off")
    connection.exec_driver_sql(f"COPY ({statement}) TO STDOUT (FORMAT binary)", execution_options=options)
    connection.exec_driver_sql("SET LOCAL enable_sort = on")


def copy_rows(connection: SQLAlchemyConnection, table: Table, rows: Iterable[Sequence[Any]]) -> None:  # values of its columns
    """Insert rows in the binary format of COPY: one message for all of them, which the server need not parse.

    Raises DBAPIError as any statement does.
    """
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    pack = [_packer(column.type) for column in table.columns]
    beginning = FIELDS.pack(len(pack))
    data = bytearray(COPY_BEGINS)
    for row in rows:
        data += beginning
        for packed, value in zip(pack, row, strict=True):
            data += NULL if value is None else packed(value)
    options = {COPY: bytes(data + COPY_ENDS)}
    connection.exec_driver_sql(f"COPY {table.name} ({columns}) FROM STDIN (FORMAT binary)", execution_options=options)


def _packer(type: TypeEngine[Any]) -> Callable[[Any], bytes]:
    """What packs values of a type as COPY wants them: their length, and their bytes."""
    if isinstance(type, BigInteger):
        return partial(LONG.pack, LONG.size - LENGTH.size)
    if isinstance(type, Integer):
        return partial(INTEGER.pack, INTEGER.size - LENGTH.size)
    return _text_packed if isinstance(type, String) else _bytes_packed


def _text_packed(value: str) -> bytes:
    return _bytes_packed(value.encode())


def _bytes_packed(value: bytes) -> bytes:
    return LENGTH.pack(len(value)) + value


class Connection(pg8000.Connection):  # type: ignore[misc]  # pg8000 has no types
    """pg8000's connection, which never is a step behind the server, and says in one way that it is lost."""

    def __init__(self, *, timeout: int | None, host: str = "", port: int = 0, unix_sock: str = "", **parameters: Any) -> None:
        """Connect to a Unix socket, else to a host and port, within `timeout` seconds; the other parameters are pg8000's."""
        self._begins = False  # whether a transaction begins with the next statement
        try:
            self._usock = _unix(unix_sock, timeout) if unix_sock else _tcp(host, port, timeout)  # pg8000 too keeps it there
            super().__init__(host=host, sock=self._usock, **parameters)
        except Exception as error:
            self.close()
            cause = error.__cause__ or error
            if isinstance(cause, OSError):
                raise _lost(cause) from error
            if isinstance(error, pg8000.Error):
                raise
            raise pg8000.InterfaceError(f"the server was not understood: {error!r}") from error
        self._usock.settimeout(None)

    def execute_simple(self, statement: str) -> Context:
        """Execute a statement without parameters. What begins a transaction is sent with the next one, and saves a way."""
        if statement == BEGIN:
            self._begins = True
            return Context(statement)
        begins, self._begins = self._begins, False
        return super().execute_simple(f"{BEGIN}; {statement}" if begins else statement)

    def execute_unnamed(
        self,
        statement: str,
        vals: Sequence[Any] = (),  # of whatever type pg8000 can send
        oids: Sequence[int] = (),
        stream: Taker | bytes | None = None,
    ) -> Context:
        """Execute a statement in one exchange with the server. `stream` takes what a COPY gives, or is the bytes that it reads.

        pg8000 takes three, and when a parameter cannot be encoded it stops between them: the answers still to come would then
        be taken for those to the next statements, a commit among them.
        """
        context, parameters = Context(statement, stream=stream), make_params(self.py_types, vals)
        if self._begins:  # where it fails, the server passes over all that comes with it
            self._begins = False
            self.send_PARSE(NULL_BYTE, BEGIN)
            self.send_BIND(NULL_BYTE, ())
            self.send_EXECUTE()
        self.send_PARSE(NULL_BYTE, statement, oids)
        self.send_DESCRIBE_STATEMENT(NULL_BYTE)
        self.send_BIND(NULL_BYTE, parameters)
        self.send_EXECUTE()
        if isinstance(stream, bytes):
            self._send_message(COPY_DATA, stream)
            self._send_message(COPY_DONE, b"")
        self._send_message(SYNC, b"")
        _flush(self._sock)
        self.handle_messages(context)
        return context

    def handle_COPY_IN_RESPONSE(self, data: bytes, context: Context) -> None:
        """The server asks for what a COPY reads, which is on its way."""

    def handle_COPY_OUT_RESPONSE(self, data: bytes, context: Context) -> None:
        """The rows of a COPY begin to come."""
        self._have_taken(context.stream)

    def handle_COPY_DATA(self, data: bytes, context: Context) -> None:
        """A row of a COPY that came in two pieces."""
        context.stream(COPY_DATA + LENGTH.pack(LENGTH.size + len(data)) + data)
        self._have_taken(context.stream)

    def _have_taken(self, take: Taker) -> None:
        """Have rows taken as they come: pg8000 reads them one by one, which takes longer than to decode them."""
        while taken := take(self._sock.peek(1)):
            self._sock.read(taken)

    def handle_messages(self, context: Context) -> None:
        """Read the server's answer to its end."""
        try:
            super().handle_messages(context)
        except Exception as error:
            if error is context.error:
                raise  # an answer, and it was read to its end
            raise _lost(context.error or error.__cause__ or error) from error

    def close(self) -> None:
        """Close it. That it was lost already, or never there, is no error."""
        with suppress(pg8000.InterfaceError, AttributeError):
            super().close()


class _Socket(socket.socket):
    """A socket that is read in large pieces."""

    def makefile(self, mode: str) -> Any:  # type: ignore[override]  # as pg8000 calls it; a BufferedRWPair
        return super().makefile(mode, buffering=BUFFER)  # type: ignore[call-overload]  # the mode is "rwb"


def _unix(path: str, timeout: int | None) -> socket.socket:
    connection = _Socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _tcp(host: str, port: int, timeout: int | None) -> socket.socket:
    connection = _Socket(fileno=socket.create_connection((host, port), timeout).detach())
    connection.settimeout(timeout)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in TCP_OPTIONS.items():
        if hasattr(socket, name):  # not every system has each
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def _lost(reason: BaseException) -> pg8000.InterfaceError:
    text = _text(reason)
    return pg8000.InterfaceError(text if text.startswith(LOST) else f"{LOST}: {text}")


def _text(error: BaseException) -> str:
    answer = _answer(error)
    return f"{answer['M']} (SQLSTATE {answer['C']})" if answer else str(error)


def _answer(error: BaseException) -> Mapping[str, str]:
    """The fields of what the server answered; none where the error is not an answer."""
    fields = error.args[0] if error.args else None
    return fields if isinstance(fields, dict) else {}


def _connect(dialect: Dialect, record: ConnectionPoolEntry, arguments: list[Any], parameters: dict[str, Any]) -> Connection:
    return Connection(**parameters)  # of the values' types, only `connect_arguments` knows


def _copy(cursor: Any, statement: str, parameters: Any, context: ExecutionContext) -> bool:  # pg8000 has no types
    """Executes a COPY with its stream; SQLAlchemy executes all other statements."""
    stream = context.execution_options.get(COPY)
    if stream is not None:
        cursor.execute(statement, parameters, stream=stream)
    return stream is not None


def _prepare(connection: Connection, patience: int) -> None:
    connection.autocommit = True
    connection.run(SETTINGS.format(patience=patience))
    connection.autocommit = False


def _explained(context: ExceptionContext) -> DBAPIError | None:
    """The exception that an answer of the server calls for; None for what is not an answer."""
    error = context.original_exception
    code = _answer(error).get("C", "")
    if not code:
        return None
    kind = OperationalError if code.startswith(OUTAGES) else IntegrityError if code.startswith(VIOLATIONS) else ProgrammingError
    readable = pg8000.DatabaseError(_text(error))
    return kind(context.statement, context.parameters, readable, connection_invalidated=context.is_disconnect)
