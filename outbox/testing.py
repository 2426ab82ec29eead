"""For tests of code that emits events.

Events are rows of the caller's transaction, so a plain ``TestCase`` sees them until they are rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from outbox.conf import settings
from outbox.declared import converters
from outbox.declared.converter import Converter
from outbox.declared.fields import tag_of
from outbox.declared.refusal import Refused
from outbox.log import rows
from outbox.models import OutboxEvent
from outbox.write.encode import encode
from outbox.write.registry import EventType, registry
from outbox_core.wire.encode import encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class EmittedEvent:
    """An event as it was written; ``data`` is its payload read from JSON, None for a tombstone."""

    id: int
    type: str
    topic: str
    key: str
    subject: str | None
    event_id: UUID
    data: Any
    headers: Mapping[str, str]


class CapturedEvents(Sequence[EmittedEvent]):
    """The events written since it was created, in order. It asks the database each time."""

    def __init__(self, using: str = DEFAULT_DB_ALIAS) -> None:
        self._using = using
        self._after = OutboxEvent.objects.using(using).last_id()
        self._until: int | None = None

    @overload
    def __getitem__(self, index: int) -> EmittedEvent: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[EmittedEvent]: ...
    def __getitem__(self, index: int | slice) -> EmittedEvent | Sequence[EmittedEvent]:
        return self._read()[index]

    def __iter__(self) -> Iterator[EmittedEvent]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return f"<CapturedEvents {self._read()}>"

    def stop(self) -> None:
        """Ignore events that are written from now on."""
        self._until = OutboxEvent.objects.using(self._using).last_id()

    @property
    def types(self) -> list[str]:
        """The type of each event."""
        return [event.type for event in self._read()]

    def assert_emitted(
        self, type: str | type, *, key: object = None, payload__contains: Mapping[str, object] | None = None
    ) -> EmittedEvent:
        """Like the function of this name, but among these events only."""
        __tracebackhide__ = True
        return _Wanted(type, key, payload__contains).find(self._read())

    def assert_not_emitted(
        self, type: str | type, *, key: object = None, payload__contains: Mapping[str, object] | None = None
    ) -> None:
        """Like the function of this name, but among these events only."""
        __tracebackhide__ = True
        _Wanted(type, key, payload__contains).find_none(self._read())

    def _read(self) -> list[EmittedEvent]:
        rows = OutboxEvent.objects.using(self._using).filter(id__gt=self._after).order_by("id")
        if self._until is not None:
            rows = rows.filter(id__lte=self._until)
        return [_emitted(row) for row in rows]


@contextmanager
def captured_events(using: str = DEFAULT_DB_ALIAS) -> Iterator[CapturedEvents]:
    """The events that are written inside the block, to database ``using``."""
    events = CapturedEvents(using)
    yield events
    events.stop()


def assert_emitted(
    type: str | type,
    *,
    key: object = None,
    payload__contains: Mapping[str, object] | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> EmittedEvent:
    """The first event of a type (or class) in the outbox with that key and at least that payload. Raises
    AssertionError, which lists the events that were found.
    """
    __tracebackhide__ = True
    return _Wanted(type, key, payload__contains).find(_all(using))


def assert_not_emitted(
    type: str | type,
    *,
    key: object = None,
    payload__contains: Mapping[str, object] | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> None:
    """There is no event in the outbox that ``assert_emitted`` would find. Raises AssertionError with the
    event that it found, UnknownEventType for a type that is not registered, and ValueError for a part that no
    payload of it has.
    """
    __tracebackhide__ = True
    _Wanted(type, key, payload__contains).find_none(_all(using))


class Receiver(Protocol):
    """What ``deliver`` needs of a consumer. ``inbox.testing.MemoryConsumer`` has it."""

    def receive(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> None: ...
    def drain(self) -> None: ...


C = TypeVar("C", bound=Receiver)


@overload
def deliver(to: str, *, using: str = ...) -> Any: ...
@overload
def deliver(to: C, *, using: str = ...) -> C: ...
def deliver(to: str | Receiver, *, using: str = DEFAULT_DB_ALIAS) -> Any:
    """Deliver all events of the outbox to a consumer, without Kafka: a MemoryConsumer, or the consumer of
    that name in INBOX. Returns it. An event that it has handled before has no effect again.

    Raises what its handlers raise, and NoHandler for an event in one of its topics that none of them takes.
    """
    __tracebackhide__ = True
    # The outbox does not depend on the inbox. Only a project that has both can call this with a name.
    consumer = import_string("inbox.testing.MemoryConsumer")(to) if isinstance(to, str) else to
    encode = encoder(settings().source)
    for row in rows.read(using, "true", {}):
        record = encode(row)
        consumer.receive(record.topic, record.key, record.value, record.headers)
    consumer.drain()
    return consumer


def _all(using: str) -> list[EmittedEvent]:
    return [_emitted(row) for row in OutboxEvent.objects.using(using).order_by("id")]


class _Wanted:
    """What a test asks for: a type, perhaps a key, perhaps a part of the payload."""

    def __init__(self, wanted: str | type, key: object, contains: Mapping[str, object] | None) -> None:
        self._wanted = wanted
        self._type = wanted if isinstance(wanted, str) else registry.named(wanted).name
        self._key = None if key is None else str(key)
        self._part = _part(self._type, contains or {})

    def find(self, events: Sequence[EmittedEvent]) -> EmittedEvent:
        __tracebackhide__ = True
        for event in filter(self._fits, events):
            return event
        listing = "".join(f"\n  {event.type} {event.key}: {event.data}" for event in events) or " nothing."
        raise AssertionError(f"Not emitted: {self}. Emitted:{listing}")

    def find_none(self, events: Sequence[EmittedEvent]) -> None:
        __tracebackhide__ = True
        _require_possible(registry.named(self._wanted), self._part)
        for event in filter(self._fits, events):
            raise AssertionError(f"Emitted: {self}. It is\n  {event.type} {event.key}: {event.data}")

    def _fits(self, event: EmittedEvent) -> bool:
        return (
            event.type == self._type and self._key in (None, event.key) and _contains(event.data, self._part)
        )

    def __str__(self) -> str:
        key = "" if self._key is None else f" with key {self._key}"
        return f"{self._type}{key}{f' and payload {self._part}' if self._part else ''}"


def _part(type_name: str, contains: Mapping[str, object]) -> Any:
    """What a payload has to contain. A value has the form that its field declares: with all
    decimal places.
    """
    known = [each for each in registry if each.name == type_name]
    declared = converters(known[0].cls) if known else {}
    plain = {name: _as_declared(declared.get(name), value) for name, value in contains.items()}
    return msgspec.json.decode(encode(plain))


def _as_declared(converter: Converter | None, value: object) -> object:
    if converter is None or isinstance(value, str | Mapping | list):
        return value
    try:
        return converter.convert(value)
    except Refused:
        return value


def _require_possible(event_type: EventType, part: Mapping[str, object]) -> None:
    """Raise ValueError for a part that no event of the type can have, so that nothing would ever be found."""
    names = [] if event_type.tombstone else [*event_type.wire_names.values(), *tag_of(event_type.cls)]
    for name in part:
        if name not in names:
            has = ", ".join(names) or "nothing"
            raise ValueError(f"No payload of {event_type.name} has a field {name!r}: it has {has}.")


def _contains(value: Any, part: Any) -> bool:
    """As PostgreSQL's ``@>``: every member of ``part`` is found in ``value``, at any depth."""
    if isinstance(part, dict):
        return not part or (
            isinstance(value, dict)
            and all(name in value and _contains(value[name], part[name]) for name in part)
        )
    if isinstance(part, list):
        return isinstance(value, list) and all(any(_contains(each, one) for each in value) for one in part)
    return bool(value == part) and isinstance(value, bool) is isinstance(part, bool)


def _emitted(row: OutboxEvent) -> EmittedEvent:
    return EmittedEvent(
        id=row.id,
        type=row.type,
        topic=row.topic,
        key=row.key,
        subject=row.subject,
        event_id=row.event_id,
        data=None if row.payload is None else msgspec.json.decode(row.payload),
        headers=row.headers,
    )
