"""For tests of code that emits events.

Events are rows of the caller's transaction, so a plain ``TestCase`` sees them until they are rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, overload
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS

from outbox.models import OutboxEvent
from outbox.write.encode import encode
from outbox.write.registry import registry


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
        return _find(self._read(), type, key, payload__contains)

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
    rows = OutboxEvent.objects.using(using).order_by("id")
    return _find([_emitted(row) for row in rows], type, key, payload__contains)


def _find(
    events: Sequence[EmittedEvent], wanted: str | type, key: object, contains: Mapping[str, object] | None
) -> EmittedEvent:
    name = wanted if isinstance(wanted, str) else registry[wanted].name
    part = msgspec.json.decode(encode(contains or {}))
    for event in events:
        if event.type == name and (key is None or event.key == str(key)) and _contains(event.data, part):
            return event
    listing = "".join(f"\n  {event.type} {event.key}: {event.data}" for event in events) or " nothing."
    asked = name + (f" with key {key}" if key is not None else "") + (f" and payload {part}" if part else "")
    raise AssertionError(f"Not emitted: {asked}. Emitted:{listing}")


def _contains(value: Any, part: Any) -> bool:
    """As PostgreSQL's ``@>``: every member of ``part`` is found in ``value``, at any depth."""
    if isinstance(part, dict):
        return not part or (
            isinstance(value, dict)
            and all(name in value and _contains(value[name], part[name]) for name in part)
        )
    if isinstance(part, list):
        return isinstance(value, list) and all(any(_contains(each, one) for each in value) for one in part)
    return bool(value == part)


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
