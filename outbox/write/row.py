"""Event -> the row that is written. Pure, except for the clock in its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from outbox.conf import settings
from outbox.errors import EventRejected, EventTooLarge, InvalidAttribute, InvalidKey, InvalidSubject
from outbox.fields import MAX_KEY_BYTES
from outbox.write.attributes import checked, plain_text
from outbox.write.buckets import bucket_of
from outbox.write.context import current
from outbox.write.encode import to_json, wire
from outbox.write.key_scope import scoped
from outbox.write.registry import EventType, registry
from outbox.write.uuid7 import uuid7
from outbox_core.people.text import has_controls, line

LARGE = 2**63
_KEYS = (str, int, UUID)


class NewRow(NamedTuple):
    """The columns of INSERT_EVENT, in order. ``serialize``: the writers of the key wait for each other."""

    bucket: int
    topic: str
    key: str
    type: str
    subject: str | None
    event_id: UUID
    payload: bytes | None
    headers: str
    source: str
    serialize: bool

    @classmethod
    def of(cls, event: object, attributes: Mapping[str, object] | None = None) -> NewRow:
        """The row of an event in the current context. Raises a kind of EventRejected."""
        event_type, options = registry.of(event), settings()
        written = wire(event)
        extensions = _extensions(event_type, event, written, attributes)
        key = _text(event_type, "key", event_type.key_of(event), written, InvalidKey)
        if options.key_attributes:
            key = _with_attributes(key, event_type, options.key_attributes, extensions)
        subject = event_type.subject_of(event)
        return cls(
            bucket=bucket_of(key),
            topic=options.in_kafka(event_type.topic),
            key=key,
            type=event_type.name,
            subject=None
            if subject is None
            else _text(event_type, "subject", subject, written, InvalidSubject),
            event_id=uuid7(),
            payload=None if event_type.tombstone else _payload(event_type, event, written),
            headers=msgspec.json.encode(extensions).decode(),
            source=options.source,
            serialize=event_type.serialize,
        )

    def columns(self) -> tuple[Any, ...]:
        return self[:-1]


def _with_attributes(
    key: str, event_type: EventType, names: Sequence[str], extensions: Mapping[str, str]
) -> str:
    whole = scoped(key, names, extensions, event_type.name)
    try:
        return _checked(whole)
    except ValueError as wrong:
        raise InvalidKey(f"The key of {event_type.name} with its attributes is {wrong}") from None


def _text(
    event_type: EventType,
    role: str,
    value: object,
    written: Mapping[str, object],
    error: type[EventRejected],
) -> str:
    """The text of a key or subject."""
    source = getattr(event_type, role)
    try:
        return _checked(event_type.as_written(source, value, written))
    except ValueError as wrong:
        name = source if isinstance(source, str) else "computed"
        raise error(f"The {role} of {event_type.name} ({name}) is {wrong}") from None


def _checked(value: object) -> str:
    """The text of a key or subject. Raises ValueError for a value without one plain text, and for text that
    Kafka or PostgreSQL cannot take.
    """
    if type(value) is UUID or (type(value) is int and -LARGE < value < LARGE):
        return str(value)
    plain = value.value if isinstance(value, Enum) else value
    if isinstance(plain, bool) or not isinstance(plain, _KEYS):
        raise ValueError(  # noqa: TRY004
            f"{line(repr(plain), 100)}; it has to be a str, an int or a UUID."
        )
    try:
        text = plain_text(plain)
    except ValueError:
        raise ValueError("an int of too many digits.") from None
    if not text:
        raise ValueError("empty.")
    if "\x00" in text:
        raise ValueError(f"'{line(text, 100)}', with a NUL character.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"'{line(text, 100)}', which is not valid Unicode.") from None
    if has_controls(text) and not settings().allow_control_characters:
        raise ValueError(
            f"'{line(text, 100)}', with control characters, which deceive its readers. "
            'Remove them, or set OUTBOX["ALLOW_CONTROL_CHARACTERS"].'
        )
    if size > MAX_KEY_BYTES:
        raise ValueError(f"{size} bytes long; at most {MAX_KEY_BYTES} are allowed.")
    return text


def _payload(event_type: EventType, event: object, written: object) -> bytes:
    payload = to_json(event, written)
    limit = settings().max_event_bytes
    if len(payload) > limit:
        raise EventTooLarge(
            f'An event {event_type.name} is {len(payload):,} bytes of JSON, and OUTBOX["MAX_EVENT_BYTES"] is '
            f"{limit:,}. "
            "Put what is large elsewhere and its address into the event, or raise the limit here and that of "
            "the topic."
        )
    return payload


def _extensions(
    event_type: EventType,
    event: object,
    written: Mapping[str, object],
    given: Mapping[str, object] | None,
) -> dict[str, str]:
    """The extension attributes. Those of emit() replace those of the type, which replace those of the
    context.
    """
    context = current()
    attributes: dict[str, str] = {}
    if event_type.version != 1:
        attributes["dataversion"] = str(event_type.version)
    if event_type.dataschema is not None:
        attributes["dataschema"] = event_type.dataschema
    try:
        if context is not None:
            attributes |= context.extensions()
        if event_type.attributes:
            sources, getters = event_type.attributes, event_type.attribute_getters
            own = {
                name: event_type.as_written(sources[name], of(event), written) for name, of in getters.items()
            }
            attributes |= checked(own)
        if given:
            attributes |= checked(given)
    except ValueError as error:
        raise InvalidAttribute(f"{event_type.name}: {error}") from None
    return attributes
