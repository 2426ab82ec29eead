"""Finds the handlers of a record. It uses no database and no Kafka."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from time import monotonic
from typing import Any

import msgspec
from msgspec import structs

from inbox.errors import Poison
from inbox.handling import running
from inbox.handling.registry import EVERY, Handler
from inbox.handling.running import Call
from outbox_core.people.failure import describe
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.decode import parse
from outbox_core.wire.event import Event


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Identifies an event when it is delivered again."""

    source: str
    event_id: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A record and the handlers to call for it, or the ``error`` for which it is held without a call.
    ``arguments`` are there once its payload is read.

    ``attempts`` is how often it has failed so far, and ``handler`` the name of the one that failed.
    """

    record: ConsumerRecord
    identity: Identity
    event: Event | None = None
    handlers: Sequence[Handler] = ()
    arguments: Sequence[tuple[Any, ...]] = ()
    error: str = ""
    attempts: int = 0
    handler: str = ""

    @property
    def key_hash(self) -> int | None:
        """The key whose order it must keep. None for a record without a key, which blocks nothing."""
        return self.record.key_hash

    @property
    def events(self) -> tuple[Event, ...]:
        """The event, if the record carries one."""
        return () if self.event is None else (self.event,)

    @property
    def calls(self) -> Iterator[tuple[Handler, tuple[Any, ...]]]:
        """Each handler with its arguments. An event whose payload nobody has read must not count as handled:
        that is a ValueError.
        """
        return zip(self.handlers, self.arguments, strict=True)

    def run(self, index: int | None = 0) -> None:
        """Call the handlers, except batch handlers.

        Raises:
            HandlerFailed: one of them failed; ``index`` is the place of this delivery among those in hand.
        """
        for handler, arguments in self.calls:
            if not handler.batch:
                assert self.event is not None
                running.run(Call(handler, self.event, monotonic()), index, handler, self.event, arguments)

    def refused(self, error: BaseException, handler: str = "") -> Delivery:
        """The same delivery, to be held for ``error`` until a person decides."""
        return structs.replace(self, error=describe(error), attempts=1, handler=handler, handlers=())


PLAIN = re.compile(r"[a-zA-Z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Routes:
    """The handlers of one consumer, by event type. ``skip`` is called for each event without a handler, and
    for each replayed event that none of its handlers takes. With ``apply_replays`` all handlers take replayed
    events. ``held``: these are held events, so all handlers take those that none would take: a process with
    ``apply_replays`` has held them.
    """

    handlers: Mapping[str, Handler]
    skip: Callable[[Event], None] = lambda event: None
    apply_replays: bool = False
    held: bool = False

    def __call__(self, record: ConsumerRecord) -> Delivery | None:
        """Find the handlers of ``record``; None if none takes it. Runs no code of the project."""
        try:
            event = parse(record)
        except Exception as error:  # no record may end the consumer
            return Delivery(record=record, identity=_unreadable(record)).refused(error)
        handlers = self.taking(event)
        if not handlers:
            self.skip(event)
            return None
        return Delivery(record=record, identity=_identity(event, record), event=event, handlers=handlers)

    def read(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Read the payloads of these. The type of a payload may run code that fails or hangs, as a handler
        may. Such a payload is read again in the call of its handler, so that it fails as the handler does.
        The calls of handlers follow this.
        """
        running.begin()
        reading = _Reading(deliveries)
        while reading.next < len(deliveries):
            try:
                running.limited(Call(reading, None, monotonic()), reading.go_on)
            except Exception:
                reading.leave()
        return reading.done

    def taking(self, event: Event) -> Sequence[Handler]:
        """The handlers that take this event."""
        own, every = self.handlers.get(event.type), self.handlers.get(EVERY)
        handlers = [handler for handler in (own, every if every is not own else None) if handler is not None]
        if self.apply_replays or not event.replay:
            return handlers
        return [handler for handler in handlers if handler.replays] or (handlers if self.held else ())


class _Reading:
    """Reads payloads with one time limit for all, because a limit costs as much as a payload."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self._deliveries = deliveries
        self.done: list[Delivery] = []

    @property
    def next(self) -> int:
        """The index of the one that is read next, or now."""
        return len(self.done)

    @property
    def name(self) -> str:
        """What is read, if the time limit has to name it."""
        delivery = self._deliveries[self.next]
        return f"reading the payload for {Call(delivery.handlers[0], delivery.event, 0.0)}"

    def go_on(self) -> None:
        for delivery in self._deliveries[self.next :]:
            self.done.append(_read(delivery))

    def leave(self) -> None:
        """Leave the next payload, whose reading has failed, to the call of its handler."""
        delivery = self._deliveries[self.next]
        handlers = [handler.late() for handler in delivery.handlers]
        arguments = [(delivery.event,)] * len(handlers)
        self.done.append(structs.replace(delivery, handlers=handlers, arguments=arguments))


def _read(delivery: Delivery) -> Delivery:
    event = delivery.event
    if event is None:
        return delivery
    try:
        arguments = [handler.arguments(event) for handler in delivery.handlers]
    except Poison as error:
        return delivery.refused(error, delivery.handlers[0].name)
    return Delivery(
        record=delivery.record,
        identity=delivery.identity,
        event=event,
        handlers=delivery.handlers,
        arguments=arguments,
    )


def with_handlers(routed: Iterable[Delivery | None]) -> list[Delivery]:
    """Those of records that a handler takes."""
    return [delivery for delivery in routed if delivery is not None]


def first_of_each_key(deliveries: Iterable[Delivery]) -> dict[Hashable, Delivery]:
    """By key; a delivery without one stands for itself."""
    first: dict[Hashable, Delivery] = {}
    for delivery in deliveries:
        first.setdefault(delivery.identity if delivery.key_hash is None else delivery.key_hash, delivery)
    return first


def _identity(event: Event, record: ConsumerRecord) -> Identity:
    """The identity of an event. In a replay it is another one for each replay, or for each record if the
    replay has no id.
    """
    if not event.replay:
        return Identity(event.source, event.id)
    if event.replay_id == "true":
        return Identity(event.source, f"{event.id}#{record.topic}/{record.coordinates}")
    return Identity(event.source, f"{event.id}#{_storable(event.replay_id)}")


def _storable(replay_id: str) -> str:
    """The id of a replay as it can be stored, whatever another producer sent."""
    return (
        replay_id if PLAIN.fullmatch(replay_id) else blake2b(replay_id.encode(), digest_size=16).hexdigest()
    )


def _unreadable(record: ConsumerRecord) -> Identity:
    return Identity(f"kafka:{record.topic}", record.coordinates)
