"""Correct an event and send it: a new event with a changed payload, and the changes in the ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError

from outbox.conf import settings
from outbox.declared.fields import is_pydantic
from outbox.errors import EventRejected, EventTooLarge, InvalidAttribute, OutboxError
from outbox.models import EventStatus, Ledger, OutboxEvent
from outbox.write.attributes import RESERVED
from outbox.write.context import Context, caused_by, current, scope
from outbox.write.emit import insert
from outbox.write.registry import EventType, registry
from outbox.write.row import NewRow
from outbox_core.database import pinned
from outbox_core.operations.ledger import DONE
from outbox_core.people.leaves import changes, lost
from outbox_core.people.redaction import Redactor
from outbox_core.people.text import line

JSON = "application/json"
UNIQUE = "23505"
OF_TYPE = ("dataversion", "dataschema")
STATES = (EventStatus.PUBLISHED, EventStatus.DISCARDED)
"""A pending or held event is still to be published: discard it first."""


def is_possible(event: OutboxEvent) -> bool:
    """Whether an event, with its status, can be corrected at all."""
    return event.status in STATES and event.payload is not None and event.content_type == JSON


def correct(
    old: OutboxEvent, payload: bytes, *, event_id: UUID, who: str, reason: str, using: str
) -> dict[str, str]:
    """Write a new event with this payload, and with the topic, key, type and attributes of the old one, which
    is its cause. Returns the changes. Raises OutboxError, and writes nothing, for a payload that the
    registered type does not allow or that changes the key or nothing, and for an id that is there already.
    """
    row = _row(old, payload)._replace(event_id=event_id, topic=old.topic, bucket=old.bucket)
    redactor = Redactor(settings().redact)
    found = changes(bytes(old.payload or b""), row.payload or b"", redactor)
    if not found:
        raise OutboxError("Nothing is changed. To send the same event again, use Send again.")
    entry = {
        "who": who,
        "verb": Ledger.Verb.CORRECT,
        "scope": f"event {old.event_id} ({old.type}), key {line(old.key, 200)}, as event {event_id}",
        "selection": {
            "topic": old.topic,
            "key": old.key,
            "type": old.type,
            "event": [str(old.event_id), str(event_id)],
        },
        "reason": reason,
        "before": old.status,
        "changes": found,
    }
    try:
        with pinned(using):
            insert([row], using)
            Ledger.objects.using(using).create(**entry, count=1, outcome=DONE)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", None) != UNIQUE:
            raise
        raise OutboxError(f"Event {event_id} is there already: this form was sent before.") from error
    return found


def _row(old: OutboxEvent, payload: bytes) -> NewRow:
    event_type = next((each for each in registry if each.name == old.type), None)
    with scope(_cause(old)):
        return _typed(event_type, old, payload) if event_type else _untyped(old, payload)


def _cause(old: OutboxEvent) -> Context:
    """The old event and what it tells: its trace, its correlation and the attributes of its project."""
    own = {name: value for name, value in old.headers.items() if name not in RESERVED}
    try:
        return replace(caused_by(str(old.event_id), old.headers), attributes=own)
    except ValueError as error:
        raise InvalidAttribute(f"Event {old.event_id}: {error}") from error


def _typed(event_type: EventType, old: OutboxEvent, payload: bytes) -> NewRow:
    """As its writers would have written it."""
    row = NewRow.of(_read(event_type, payload))
    if row.payload is None:
        raise OutboxError(f"{event_type.name} has no payload any more: it is a tombstone.")
    if name := lost(payload, row.payload):
        raise EventRejected(f"{event_type.name} has no field for {name}, which would be lost.")
    if row.key != old.key:
        raise EventRejected(
            f"This would change the key, from {line(old.key, 100)} to {line(row.key, 100)}: the order of "
            "events is that of their key. Emit an event of your own instead."
        )
    return row


def _read(event_type: EventType, payload: bytes) -> object:
    cls: Any = event_type.cls
    try:
        if is_pydantic(cls):
            return cls.model_validate_json(payload)
        return msgspec.json.decode(payload, type=cls)
    except (ValueError, TypeError, NotImplementedError) as error:  # the last one is of types as attrs makes
        raise EventRejected(f"The payload is no {event_type.name}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Without the values that pydantic quotes."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return line(error)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors())


def _untyped(old: OutboxEvent, payload: bytes) -> NewRow:
    """Of a type that this process does not register: with the attributes that the old event has."""
    limit = settings().max_event_bytes
    if len(payload) > limit:
        raise EventTooLarge(f'It is {len(payload):,} bytes, and OUTBOX["MAX_EVENT_BYTES"] is {limit:,}.')
    of_type = {name: old.headers[name] for name in OF_TYPE if name in old.headers}
    context = current()
    extensions = {**of_type, **(context.extensions() if context else {})}
    return NewRow(
        bucket=old.bucket,
        topic=old.topic,
        key=old.key,
        type=old.type,
        subject=old.subject,
        event_id=old.event_id,
        payload=payload,
        headers=msgspec.json.encode(extensions).decode(),
        source=old.source or settings().source,
        serialize=False,
    )
