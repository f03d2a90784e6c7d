"""A network that fails when a test says so: it stands between clients and a server's Unix socket."""

from __future__ import annotations

import select
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

Passes = Callable[[bool, bytes], int]
"""Given whether data comes from the server, and the data: how much of it arrives. Less than all, and the connection breaks."""

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
SECONDS = 10  # far more than clients take to leave


def everything(from_server: bool, data: bytes) -> int:
    """A network that holds."""
    return len(data)


class Relay:
    """Listens on `port` of 127.0.0.1. With `tls` it speaks TLS to its clients, as a PostgreSQL server would.

    A connection that breaks is closed as a server would close it, or `reset`.
    """

    def __init__(
        self, target: str, *, passes: Passes = everything, reset: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self._target, self._passes, self._reset, self._tls = target, passes, reset, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[Thread] = []
        self._start(self._serve)

    def close(self) -> None:
        """Let nobody in any more, and wait until those who are have left."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)
        self._listener.close()

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                self._start(self._connected, self._listener.accept()[0])

    def _connected(self, plain: socket.socket) -> None:
        with suppress(OSError), plain, self._encrypted(plain) as client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._target)
            self._pass_on(client, server)

    def _encrypted(self, client: socket.socket) -> socket.socket:
        if self._tls is None:
            return client
        assert client.recv(len(SSL_REQUEST)) == SSL_REQUEST
        client.sendall(b"S")
        return self._tls.wrap_socket(client, server_side=True)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        other_end = {client: server, server: client}
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(65536)
                arriving = self._passes(source is server, data)
                other_end[source].sendall(data[:arriving])
                if not data:
                    return
                if arriving < len(data):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", self._reset, 0))
                    return
