"""A consumer without Kafka, for tests of handlers: the real transactions, records in memory, no waiting.

consumer = MemoryConsumer("crm")
consumer.send("shop.order.paid", {"order_id": "...", "total": "9.99"}, key="42")
consumer.drain()
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.consumer import Consumer
from inbox.handling.registry import Registry, registry
from inbox.handling.routing import Routes
from inbox.memory import MemoryLog, MemorySource
from inbox.models import HeldEvent
from inbox.offsets import DatabaseOffsets
from outbox_core.wire.consumed import Record


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

    With ``raises=True``, ``drain`` raises the error of a handler, and Poison for an unreadable record,
    instead of holding the event.
    """

    def __init__(
        self,
        name: str,
        *,
        handlers: Registry | None = None,
        time: SkippedTime | None = None,
        raises: bool = False,
        **options: Any,
    ) -> None:
        inbox = settings()
        if handlers is None:
            consumer = inbox.consumer(name)
        else:
            consumer = ConsumerSettings(name=name, topics=("test",), group=name, **options)
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
    ) -> Record:
        """Append an event to a topic and return its record.

        ``data`` is encoded as JSON; None is a tombstone, bytes are sent as they are. ``attributes`` are
        CloudEvents attributes, such as ``source`` or ``replay``.
        """
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
        return self.log.append(
            topic or self._settings[1].topics[0],
            key=None if key is None else key.encode(),
            value=value,
            headers=headers,
        )

    def restart(self) -> None:
        """Start again from the stored offsets, as a new process does."""
        self.source.close()
        routes = Routes(self._registry.of(self._settings[1].handlers))
        self.consumer = Consumer(
            *self._settings,
            self.source,
            self.offsets,
            routes,
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
        while self.source.lag() and not self.time.requested:
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
