"""A consumer without Kafka, for tests of handlers: the real transactions, records in memory, no waiting.

consumer = MemoryConsumer("crm")
consumer.send("shop.order.paid", {"order_id": "...", "total": "9.99"}, key="42")
consumer.drain()
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.consumer import Consumer
from inbox.errors import NoHandler
from inbox.handling.registry import Registry, registry
from inbox.handling.routing import Routes
from inbox.handling.unhandled import alike
from inbox.memory import MemoryLog, MemorySource
from inbox.models import HeldEvent
from inbox.offsets import DatabaseOffsets
from inbox.testing.outcomes import HANDLED, HELD, Outcome, outcomes, readable
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.event import Event


class SkippedTime:
    """A clock, and a sleep that takes no time. After ``stop_after`` sleeps it requests a stop."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.now = 0.0
        self.sleeps = 0
        self.stop_after = stop_after

    def __call__(self) -> float:
        return self.now

    @property
    def requested(self) -> bool:
        return self.stop_after is not None and self.sleeps >= self.stop_after

    def wait(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)
        self.sleeps += 1


class MemoryConsumer:
    """The consumer ``name`` of INBOX, or one that runs ``handlers``; its topics are in memory.

    ``send`` refuses an event that no handler takes, and ``drain`` raises the error of a handler, and Poison
    for an unreadable record. With ``raises=False``, it holds and skips events as in production.
    """

    def __init__(
        self,
        name: str,
        *,
        handlers: Registry | None = None,
        time: SkippedTime | None = None,
        raises: bool = True,
        **options: Any,
    ) -> None:
        inbox = settings()
        if handlers is None:
            consumer = inbox.consumer(name)
        else:
            consumer = ConsumerSettings(**{"name": name, "topics": ("test",), "group": name, **options})
        self.log = MemoryLog()
        self.time = time or SkippedTime()
        self.offsets = DatabaseOffsets(consumer.name, inbox.database)
        self.source = MemorySource(self.log, consumer.topics, consumer.group, offsets=self.offsets)
        self._registry = handlers or registry
        self._raises = raises
        self._settings: tuple[Settings, ConsumerSettings] = (inbox, consumer)
        self.restart()

    def send(
        self,
        type_: str,
        data: Any = None,
        *,
        key: str | None = None,
        event_id: str | None = None,
        topic: str | None = None,
        **attributes: str,
    ) -> ConsumerRecord:
        """Append an event to a topic and return its record.

        ``data`` is encoded as JSON; None is a tombstone, bytes are sent as they are. ``attributes`` are
        CloudEvents attributes, such as ``source`` or ``replay``. Raises NoHandler for a type that no handler
        of the consumer takes, unless IGNORE names it.
        """
        __tracebackhide__ = True
        values = {
            "specversion": "1.0",
            "id": event_id or str(uuid.uuid4()),
            "source": "/test",
            "type": type_,
            "time": datetime.now(UTC).isoformat(),
            **attributes,
        }
        headers = [("content-type", b"application/json")]
        headers += [(f"ce_{name}", value.encode()) for name, value in values.items()]
        value = data if data is None or isinstance(data, bytes) else msgspec.json.encode(data)
        return self._append(
            topic or self._settings[1].topics[0], None if key is None else key.encode(), value, headers
        )

    def receive(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        """Append a record of Kafka, if the consumer reads its topic. Raises as ``send`` does."""
        __tracebackhide__ = True
        inbox, consumer = self._settings
        name = topic.removeprefix(inbox.topic_prefix)
        if name in consumer.topics:
            self._append(name, key, value, headers)

    def assert_handled(self, type: str, *, key: str | None = None) -> Event:
        """The last event of this type (and key) that was sent and handled. Raises AssertionError, which lists
        what became of each event.
        """
        __tracebackhide__ = True
        event = self._last(HANDLED, type, key).event
        assert event is not None
        return event

    def assert_held(self, type: str, *, key: str | None = None, error: str = "") -> HeldEvent:
        """The last event of this type (and key) that was sent and is held, with ``error`` in its error, if
        that is given. Raises AssertionError, which lists what became of each event.
        """
        __tracebackhide__ = True
        record = self._last(HELD, type, key, error).record
        inbox, consumer = self._settings
        return HeldEvent.objects.using(inbox.database).get(
            consumer=consumer.name, topic=record.topic, partition=record.partition, offset=record.offset
        )

    def _last(self, state: str, type_: str, key: str | None, error: str = "") -> Outcome:
        __tracebackhide__ = True
        inbox, consumer = self._settings
        records = [record for records in self.log.records.values() for record in records]
        read = {partition: offset for (_, partition), offset in self.log.committed.items()}
        found = list(outcomes(consumer.name, inbox.database, records, read))
        for outcome in reversed(found):
            if outcome.state == state and outcome.is_of(type_, key) and error in outcome.error:
                return outcome
        asked = (
            type_ + ("" if key is None else f" with key {key}") + (f" and error {error!r}" if error else "")
        )
        listing = "".join(f"\n  {outcome}" for outcome in found) or " nothing."
        raise AssertionError(f"Not {state}: {asked}. Sent:{listing}")

    def _append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
    ) -> ConsumerRecord:
        __tracebackhide__ = True
        record = self.log.append(topic, key=key, value=value, headers=headers)
        if self._raises and (why := self._unhandled(record)):
            del self.log.records[topic, record.partition][record.offset]
            raise NoHandler(why)
        return record

    def _unhandled(self, record: ConsumerRecord) -> str:
        """Why no handler takes a record; empty if one does, or if the record is unreadable."""
        consumer, event = self._settings[1], readable(record)
        if event is None or event.replay or consumer.ignores(event.type) or any(self._routes.taking(event)):
            return ""
        near = alike(event.type, self._routes.handlers)
        hint = f"Did you mean {near}?" if near else f"It handles: {', '.join(sorted(self._routes.handlers))}."
        return f"Consumer {consumer.name} has no handler for {event.type}. {hint}"

    def restart(self) -> None:
        """Start again from the stored offsets, as a new process does."""
        self.source.close()
        self._routes = Routes(self._registry.of(self._settings[1].handlers))
        self.consumer = Consumer(
            *self._settings,
            self.source,
            self.offsets,
            self._routes,
            self.time,
            self.time,
            ahead=lambda: self.time.now,
            failed=self._failed,
        )

    def drain(self) -> None:
        """Handle everything that was sent, and retry held events until they are handled or a person must
        decide. Waiting takes no time. Events that still fail after 1,000 skipped seconds stay held.
        """
        self.poll()
        until = self.time.now + 1_000
        while not self.time.requested and self._is_held() and self.time.now < until:
            self.time.now += 61
            self.consumer.tick()

    def poll(self) -> None:
        """Handle everything that was sent. Events that fail are held."""
        self.consumer.tick()
        while (self.source.lag() or self.consumer.read_ahead) and not self.time.requested:
            self.consumer.tick()

    def retry(self) -> None:
        """Retry the held events that are due."""
        self.time.now += 61
        self.consumer.tick()

    def _is_held(self) -> bool:
        held = HeldEvent.objects.using(self._settings[0].database).waiting(self._settings[1].name)
        return held.filter(retry_at__isnull=False).exists()

    def _failed(self, error: BaseException) -> None:
        if self._raises:
            raise error
