"""What the loop does while the sender's thread publishes a wave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from outbox_core.wire.encode import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import HandsOver, Outcome
from relay.publishers.confluent import ConfluentPublisher
from relay.publishers.memory import MemoryPublisher
from relay.sender import Sender

LEASE: Any = SimpleNamespace(shard=1, remaining=60.0, deadline=60.0)
WAVE = [Record("t", b"k", b"v", [])]


class Slow(MemoryPublisher):
    """Waits for the broker until the test opens the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.gate = Event()

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        self.hand_over()
        assert self.gate.wait(30)
        return super().publish(records)

    def hand_over(self) -> None:
        """It is no HandsOver."""


class Telling(Slow):
    """Takes its time to hand over."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_over: Callable[[], object] = lambda: None
        self.encoded = Event()

    def hand_over(self) -> None:
        self.encoded.wait(0.3)
        self.seen.append("handed over")
        self.handed_over()


@contextmanager
def sending(publisher: MemoryPublisher) -> Iterator[Sender]:
    sender = Sender(publisher, margin=0.0)
    try:
        yield sender
    finally:
        sender.close(0)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is busy, a thread may begin late."""
    monkeypatch.setattr("relay.sender.SLICE_SECONDS", 30.0)


def test_the_loop_lets_a_wave_be_handed_over_before_it_encodes_the_next_page() -> None:
    publisher = Telling()
    with sending(publisher) as sender:
        wave = sender.send(WAVE, LEASE)
        sender.let_hand_over()
        publisher.seen.append("encoded")
        publisher.encoded.set()
        assert not wave.done()
        publisher.gate.set()
        assert wave.result(30) == [None]
    assert publisher.seen == ["handed over", "encoded"]


def test_the_publisher_that_needs_python_for_most_of_its_work_hands_over() -> None:
    assert isinstance(ConfluentPublisher({"bootstrap.servers": "127.0.0.1:1"}), HandsOver)
    assert not isinstance(MemoryPublisher(), HandsOver)


def test_a_publisher_that_does_not_tell_is_not_waited_for() -> None:
    publisher = Slow()
    with sending(publisher) as sender:
        wave = sender.send(WAVE, LEASE)
        sender.let_hand_over()
        assert not wave.done()
        publisher.gate.set()
        assert wave.result(30) == [None]


def test_a_wave_that_is_never_handed_over_is_not_waited_for() -> None:
    publisher = Telling()
    publisher.available = False
    with sending(publisher) as sender:
        wave = sender.send(WAVE, LEASE)
        sender.let_hand_over()
        with pytest.raises(PublisherUnavailable):
            wave.result(30)
    assert publisher.seen == []
