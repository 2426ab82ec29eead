"""The messages between a consumer and its workers, and the socket that carries them."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

import msgspec

from outbox_core.wire.consumed import ConsumerRecord

CHUNK = 1 << 18
LENGTH = 4
Figure = tuple[str, float, tuple[str, ...]]
"""What a worker counts: the name of a metric, a value, and the labels."""


class Fact(msgspec.Struct, tag=True, frozen=True):
    """How the attempt at an event ended, for the evidence of all workers: see ``SharedEvidence``."""

    what: str
    handlers: list[str]
    key: str = ""
    event: str = ""
    suspicious: bool = False


class Start(msgspec.Struct, tag=True, frozen=True):
    """The first message to a worker. ``commits``: how many transactions its predecessor has reported."""

    epoch: int
    commits: int
    paused: list[str]


class Work(msgspec.Struct, tag=True, frozen=True):
    """Handle these. ``suspect``: each of them may have killed a process."""

    records: list[ConsumerRecord]
    suspect: bool = False


class Drop(msgspec.Struct, tag=True, frozen=True):
    """Leave what came before this message. ``reload``: the database may have gone back in time."""

    epoch: int
    reload: bool


class Paused(msgspec.Struct, tag=True, frozen=True):
    """Retry no held events of these topics."""

    topics: list[str]


class Began(msgspec.Struct, tag=True, frozen=True):
    """A worker handles all up to this record now; none if there is no such topic."""

    topic: str
    partition: int
    offset: int


class Finished(msgspec.Struct, tag=True, frozen=True):
    """The next ``count`` records are handled or held. ``commits``: how many transactions its row counts."""

    count: int
    commits: int


class Dropped(msgspec.Struct, tag=True, frozen=True):
    """The worker has nothing in hand of what came before that ``Drop``."""

    epoch: int


class Moved(msgspec.Struct, tag=True, frozen=True):
    """The database went back in time."""


class State(msgspec.Struct, tag=True, frozen=True):
    """What a worker waits for, how many events it has handled since its start, and what it has counted."""

    outages: dict[str, str]
    handled: int
    figures: list[Figure]


class Blocked(msgspec.Struct, tag=True, frozen=True):
    """What a statement of a worker waits for; empty: it waits no more, as after the next ``State``."""

    reason: str


ToWorker = Start | Work | Drop | Paused | Fact
ToConsumer = Began | Finished | Dropped | Moved | State | Fact | Blocked
_ENCODER = msgspec.msgpack.Encoder()
TO_WORKER = msgspec.msgpack.Decoder[ToWorker](ToWorker)
TO_CONSUMER = msgspec.msgpack.Decoder[ToConsumer](ToConsumer)
T = TypeVar("T")


class Channel(Generic[T]):
    """One end, which receives what ``decoder`` reads. It never waits: what the other side does not take yet
    is sent later. ``closed``: the other side is gone. Any thread may send.
    """

    def __init__(self, end: socket.socket, decoder: msgspec.msgpack.Decoder[T]) -> None:
        end.setblocking(False)
        end.set_inheritable(False)
        self._decoder = decoder
        self._socket = end
        self._unsent = bytearray()
        self._sending = threading.Lock()
        self._unread = bytearray()
        self.closed = False

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def send(self, message: ToWorker | ToConsumer) -> None:
        body = _ENCODER.encode(message)
        with self._sending:
            self._unsent += len(body).to_bytes(LENGTH) + body
            self._flush()

    def flush(self) -> None:
        """Send what the other side takes now."""
        with self._sending:
            self._flush()

    def _flush(self) -> None:
        with suppress(BlockingIOError):
            try:
                while self._unsent:
                    del self._unsent[: self._socket.send(self._unsent)]
            except (BrokenPipeError, ConnectionResetError):
                self._unsent.clear()  # what it has sent before is read first

    def receive(self) -> list[T]:
        """All messages that have come."""
        with suppress(BlockingIOError):
            try:
                while got := self._socket.recv(CHUNK):
                    self._unread += got
                self.closed = True
            except ConnectionResetError:
                self.closed = True
        return self._messages()

    def _messages(self) -> list[T]:
        found: list[T] = []
        at, end = 0, len(self._unread)
        while at + LENGTH <= end:
            body = at + LENGTH
            after = body + int.from_bytes(self._unread[at:body])
            if after > end:
                break
            found.append(self._decoder.decode(bytes(self._unread[body:after])))
            at = after
        del self._unread[:at]
        return found

    def close(self) -> None:
        self._socket.close()


def await_messages(channels: Sequence[Channel[Any]], seconds: float) -> None:
    """Wait until one of them has messages, or can send more, so long at most."""
    poll, by_number = select.poll(), {channel.fileno(): channel for channel in channels}
    for number, channel in by_number.items():
        poll.register(number, select.POLLIN | (select.POLLOUT if channel.has_unsent else 0))
    for number, _ in poll.poll(seconds * 1000):
        by_number[number].flush()
