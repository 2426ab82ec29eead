"""A port that leads to Kafka, for the client's first contact."""

from __future__ import annotations

import socket
import threading


class Forwarder:
    """Lets connections to a port through to Kafka, for the client's first contact."""

    def __init__(self, port: int, kafka: str) -> None:
        host, _, kafka_port = kafka.partition(",")[0].rpartition(":")
        self._to = (host, int(kafka_port))
        self._listener = socket.create_server(("127.0.0.1", port))

    def __enter__(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._to)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with source:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
