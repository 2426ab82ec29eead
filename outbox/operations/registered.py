"""What is registered in this process: the events, and the receivers that write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import msgspec

from outbox.capture.receivers import Receiver
from outbox.capture.receivers import registered as receivers
from outbox.capture.signal_names import name_of
from outbox.checks.hints import returned_types
from outbox.conf import settings
from outbox.write.key_scope import SEPARATOR
from outbox.write.registry import EventType, registry
from outbox_core.operations.listing import Listing, source_line
from outbox_core.operations.report import Table

EVERY = "(any)"
"""The sender of a receiver that takes the signal of every sender."""


EMPTY = "No events are registered. Declare them in events.py of an installed app."


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A signal and the sender from which a receiver takes it."""

    signal: str
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredReceiver:
    """A function of ``@outbox.receiver``. ``events`` are the types that its annotation names."""

    name: str
    where: str
    events: tuple[str, ...]
    connections: tuple[Connection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredEvent:
    """An event type. ``topic`` has the prefix, ``key`` its attributes. ``receivers`` say by their
    annotation that they return it.
    """

    type: str
    version: int
    topic: str
    key: str
    tombstone: bool
    serialize: bool
    cls: str
    where: str
    receivers: tuple[str, ...]


def listing() -> Listing:
    """All events and receivers, by name."""
    found = [_receiver(each) for each in receivers]
    events = [_event(each, found) for each in sorted(registry, key=lambda each: each.name)]
    return Listing(
        tables=[_event_table(events), _receiver_table(found)],
        empty=EMPTY,
        data={"events": msgspec.to_builtins(events), "receivers": msgspec.to_builtins(found)},
    )


def topics() -> dict[str, list[EventType]]:
    """The event types of each topic, by its name in Kafka."""
    found: dict[str, list[EventType]] = {}
    for event_type in registry:
        found.setdefault(settings().in_kafka(event_type.topic), []).append(event_type)
    return dict(sorted(found.items()))


def _event(event_type: EventType, of: list[RegisteredReceiver]) -> RegisteredEvent:
    key: Any = event_type.key
    own = _name_of_getter(key) if callable(key) else key
    return RegisteredEvent(
        type=event_type.name,
        version=event_type.version,
        topic=settings().in_kafka(event_type.topic),
        key=SEPARATOR.join([*settings().key_attributes, own]),
        tombstone=event_type.tombstone,
        serialize=event_type.serialize,
        cls=event_type.cls.__qualname__,
        where=source_line(event_type.cls),
        receivers=tuple(each.name for each in of if event_type.name in each.events),
    )


def _receiver(receiver: Receiver) -> RegisteredReceiver:
    connections = [Connection(signal=name_of(s), sender=_sender(who)) for s, who in receiver.connections]
    return RegisteredReceiver(
        name=receiver.__qualname__,
        where=source_line(receiver.function),
        events=tuple(dict.fromkeys(each.name for each in returned_types(receiver.function))),
        connections=tuple(connections),
    )


def _name_of_getter(getter: Any) -> str:
    name = getattr(getter, "__name__", "<callable>")
    return str(name) if name.startswith("<") else f"{name}()"


def _sender(sender: Any) -> str:
    if sender is None:
        return EVERY
    options = getattr(sender, "_meta", None)
    return str(options.label) if options else str(getattr(sender, "__qualname__", sender))


def _event_table(events: list[RegisteredEvent]) -> Table:
    head = ["EVENT", "V", "TOPIC", "KEY", "DEFINED AT"]
    return Table(head, [[e.type, str(e.version), e.topic, e.key, e.where] for e in events])


def _receiver_table(found: list[RegisteredReceiver]) -> Table:
    return Table(["RECEIVER", "SIGNAL", "SENDER", "EVENTS"], [row for each in found for row in _rows(each)])


def _rows(receiver: RegisteredReceiver) -> Iterator[list[str]]:
    """Name and place below each other, beside them the signals, beside them the events."""
    signals = [(each.signal, each.sender) for each in receiver.connections] or [("not connected", "-")]
    events = receiver.events or ("(not annotated)",)
    names = (receiver.name, f"  {receiver.where}")
    for name, signal, event in zip_longest(names, signals, events):
        yield [name or "", *(signal or ("", "")), event or ""]
