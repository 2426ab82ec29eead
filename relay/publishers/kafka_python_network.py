"""The connections of a kafka-python client, such that nothing of them stays behind."""

from __future__ import annotations

import socket
import threading
from typing import Any
from weakref import WeakSet

from kafka.net.compat import KafkaNetClient
from kafka.net.selector import NetworkSelector


class Loop(NetworkSelector):  # type: ignore[misc]
    """The event loop of one client. Closing it also closes the sockets that the client could not connect."""

    def __init__(self, **configs: Any) -> None:
        super().__init__(**configs)
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def register_event(self, fileobj: socket.socket, event: int, task: object) -> None:
        self._sockets.add(fileobj)
        super().register_event(fileobj, event, task)

    def close(self) -> None:
        sockets = list(self._sockets)
        super().close()
        for each in sockets:
            each.close()


class Network(KafkaNetClient):  # type: ignore[misc]
    """The connections of one client. ``closed`` is set when they are."""

    def __init__(self, **configs: Any) -> None:
        super().__init__(net=Loop(**configs), **configs)
        self.closed = threading.Event()

    def close(self, node_id: object = None) -> None:
        super().close(node_id)
        if node_id is None:
            self.closed.set()

    def abandon(self, seconds: float) -> None:
        """Close it in a thread, and wait ``seconds`` for that; whoever waits for an answer gets an error."""
        threading.Thread(target=self.close, name="relay-abandon", daemon=True).start()
        self.closed.wait(seconds)
