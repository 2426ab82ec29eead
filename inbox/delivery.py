"""Record -> what is to be done with it. Pure: no database, no Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from inbox.cloudevents import parse
from inbox.envelope import Event
from inbox.record import Record
from inbox.registry import EVERY, Handler
from outbox_core.people.failure import describe


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes an event the same event when it is delivered again."""

    source: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A record and the handlers to call for it, or the error that parks it."""

    record: Record
    identity: Identity
    event: Event | None = None
    calls: tuple[tuple[Handler, tuple[Any, ...]], ...] = ()
    error: str = ""
    attempts: int = 0

    @property
    def lane(self) -> int | None:
        """The key whose order it must keep; a record that is no event has none and blocks nothing."""
        return None if self.event is None else self.record.lane

    def poisoned(self, error: BaseException, attempts: int) -> Delivery:
        """The same delivery, to be parked for ``error``."""
        return replace(self, error=describe(error), attempts=attempts)

    def run(self) -> None:
        for handler, arguments in self.calls:
            assert self.event is not None
            handler(self.event, arguments)


@dataclass(frozen=True, slots=True)
class Routes:
    """The handlers of one consumer, by event type."""

    handlers: Mapping[str, Handler]

    def __call__(self, record: Record) -> Delivery | None:
        """What to do with ``record``; None if no handler takes it."""
        try:
            event = parse(record)
        except Exception as error:  # whatever a record holds, it must not end the consumer
            return Delivery(record=record, identity=_coordinates(record)).poisoned(error, 1)
        handlers = tuple(self._taking(event))
        if not handlers:
            return None
        delivery = Delivery(record=record, identity=_identity(event), event=event)
        try:
            return replace(delivery, calls=tuple((handler, handler.arguments(event)) for handler in handlers))
        except Exception as error:
            return delivery.poisoned(error, 1)

    def _taking(self, event: Event) -> Iterable[Handler]:
        for type_ in (event.type, EVERY):
            if (handler := self.handlers.get(type_)) is not None and handler.takes(event):
                yield handler


def _identity(event: Event) -> Identity:
    if event.replay:
        return Identity(event.source, f"{event.id}#{event.topic}/{event.partition}/{event.offset}")
    return Identity(event.source, event.id)


def _coordinates(record: Record) -> Identity:
    return Identity(f"kafka:{record.topic}", f"{record.partition}/{record.offset}")
