"""The connections of a kafka-python client, such that nothing of them stays behind."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any
from weakref import WeakSet

from kafka.net.compat import KafkaNetClient
from kafka.net.selector import NetworkSelector

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with which close() sends an RST (socket(7))."""


class Loop(NetworkSelector):  # type: ignore[misc]
    """The event loop of one client. Closing it also closes the sockets that the client could not connect."""

    def __init__(self, **configs: Any) -> None:
        super().__init__(**configs)
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def register_event(self, fileobj: socket.socket, event: int, task: object) -> None:
        self._sockets.add(fileobj)
        super().register_event(fileobj, event, task)

    def forget_unsent(self) -> None:
        """Have every socket drop what it has yet to send when it is closed. The operating system would go on
        trying to deliver it, and may succeed when the same records, and later ones, were long sent anew.
        """
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def close(self) -> None:
        sockets = list(self._sockets)
        super().close()
        for each in sockets:
            each.close()


class Network(KafkaNetClient):  # type: ignore[misc]
    """The connections of one client. ``closed`` is set when they are."""

    def __init__(self, **configs: Any) -> None:
        self._loop = Loop(**configs)
        super().__init__(net=self._loop, **configs)
        self.closed = threading.Event()

    def close(self, node_id: object = None) -> None:
        if node_id is not None:
            super().close(node_id)
            return
        try:
            self._loop.forget_unsent()
        finally:
            super().close()
            self.closed.set()

    def abandon(self, seconds: float) -> None:
        """Close it in a thread, and wait ``seconds`` for that; whoever waits for an answer gets an error."""
        threading.Thread(target=self.close, name="relay-abandon", daemon=True).start()
        self.closed.wait(seconds)
