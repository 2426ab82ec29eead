"""The connections of a kafka-python client, with nothing left open after the end."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any
from weakref import WeakSet

from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from outbox_core.kafka_python import Reporting

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with which close() sends an RST (socket(7))."""


class Loop(NetworkSelector):  # type: ignore[misc]
    """The event loop of one client. Closing it also closes the sockets that the client could not connect.

    A closed socket drops what it has not sent. Otherwise the operating system might deliver it after the same
    records, and later ones, were sent again.
    """

    def __init__(self, **configs: Any) -> None:
        super().__init__(**configs)
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def register_event(self, fileobj: socket.socket, event: int, task: object) -> None:
        if fileobj not in self._sockets:
            self._sockets.add(fileobj)
            with contextlib.suppress(OSError):
                fileobj.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        super().register_event(fileobj, event, task)

    @property
    def sockets(self) -> set[socket.socket]:
        """Connections that are or were open."""
        return set(self._sockets)

    def close_idle(self, sockets: set[socket.socket]) -> None:
        """Close connections that nothing waits for."""
        for each in sockets:
            if each.fileno() >= 0 and each not in self._selector.get_map():
                each.close()

    def close(self) -> None:
        sockets = list(self._sockets)
        super().close()
        for each in sockets:
            each.close()


class Connections(Reporting, KafkaConnectionManager):  # type: ignore[misc]
    """The connections of such a loop."""

    async def _build_transport(self, *args: Any, **kwargs: Any) -> Any:
        before = self._net.sockets
        try:
            return await super()._build_transport(*args, **kwargs)
        except BaseException:  # in a TLS handshake; the client leaves the socket open
            self._net.close_idle(self._net.sockets - before)
            raise


class Network(KafkaNetClient):  # type: ignore[misc]
    """The connections of one client. ``closed`` is set when they are."""

    def __init__(self, **configs: Any) -> None:
        loop = Loop(**configs)
        self._connections = Connections(loop, **configs)
        super().__init__(net=loop, manager=self._connections, **configs)
        self.closed = threading.Event()

    @property
    def trouble(self) -> str:
        """Why a connection failed last, until a question is answered."""
        return self._connections.trouble

    def answered(self) -> None:
        """The broker answered: forget earlier failures."""
        self._connections.trouble = ""

    @property
    def throttled_seconds(self) -> float:
        """For how long the broker wants no request from this client (KIP-219)."""
        brokers = self.cluster.brokers()
        return max((self.throttle_delay(each.node_id) for each in brokers), default=0.0) / 1000

    def ask(self, request: Any) -> Any:
        """The answer of any broker. Raises the client's error."""
        return self._connections.run(self._connections.send, request)

    def close(self, node_id: object = None) -> None:
        if node_id is not None:
            super().close(node_id)
            return
        try:
            super().close()
        finally:
            self.closed.set()

    def abandon(self, seconds: float) -> None:
        """Close it in a thread, and wait ``seconds`` for that. Callers that wait for an answer
        get an error.
        """
        threading.Thread(target=self._close, name="relay-abandon", daemon=True).start()
        self.closed.wait(seconds)

    def _close(self) -> None:
        with contextlib.suppress(RuntimeError):  # a thread that still connects has it in use
            self.close()
