"""Listeners that are not what a client expects."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ALERT = bytes.fromhex("15030300020246")
"""A TLS record: fatal alert, protocol_version (RFC 8446, section 6)."""


@contextmanager
def speaking_tls(answer: bytes = ALERT) -> Iterator[str]:
    """The address of a server that answers to anything but TLS as TLS servers do: with an alert, or just by
    ending the connection.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=[server, answer], daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _answer(server: socket.socket, answer: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(65_536)
                connection.sendall(answer)
