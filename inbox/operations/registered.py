"""What is registered in this process: the consumers, and the handlers that each of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import msgspec

from inbox.conf import Settings, settings
from inbox.handling.registry import Handler, registry
from outbox_core.operations.listing import Listing, source_line
from outbox_core.operations.report import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredConsumer:
    """A consumer; topics and group with the prefix. ``types`` are the event types that it handles."""

    name: str
    group: str
    topics: tuple[str, ...]
    database: str
    types: tuple[str, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredHandler:
    """A handler of one event type. ``consumers`` run it."""

    type: str
    name: str
    where: str
    payload: str
    replays: bool
    consumers: tuple[str, ...]


def listing() -> Listing:
    """All consumers and handlers. Raises HandlerError if two handlers of a consumer take the same type."""
    inbox = settings()
    run = {name: registry.of(inbox.consumers[name].handlers) for name in sorted(inbox.consumers)}
    consumers = [_consumer(inbox, name, types) for name, types in run.items()]
    handlers = [_handler(each, run) for each in sorted(registry, key=lambda each: (each.type, each.name))]
    return Listing(
        tables=[_consumer_table(consumers), _handler_table(handlers)],
        empty="No consumers and no handlers. Name consumers in INBOX['CONSUMERS'].",
        data={"consumers": msgspec.to_builtins(consumers), "handlers": msgspec.to_builtins(handlers)},
    )


def _consumer(inbox: Settings, name: str, types: Iterable[str]) -> RegisteredConsumer:
    consumer = inbox.consumer(name)
    return RegisteredConsumer(
        name=name,
        group=consumer.group,
        topics=consumer.topics,
        database=inbox.database,
        types=tuple(sorted(types)),
        ignored=consumer.ignore,
    )


def _handler(handler: Handler, run: Mapping[str, Mapping[str, Handler]]) -> RegisteredHandler:
    return RegisteredHandler(
        type=handler.type,
        name=handler.name,
        where=source_line(handler.function),
        payload=_payload(handler),
        replays=handler.replays,
        consumers=tuple(name for name, handlers in run.items() if handlers.get(handler.type) is handler),
    )


def _payload(handler: Handler) -> str:
    """What it gets, as its annotation says."""
    name = handler.reader.name if handler.reader else "Event"
    return f"list[{name}]" if handler.batch else name


def _consumer_table(consumers: Sequence[RegisteredConsumer]) -> Table:
    rows = [row for each in consumers for row in _rows(each)]
    return Table(["CONSUMER", "GROUP", "TOPICS", "IGNORES", "DATABASE"], rows)


def _rows(consumer: RegisteredConsumer) -> Iterator[list[str]]:
    """One row for each topic; the rest stands in the first one."""
    firsts = [(consumer.name, consumer.group, consumer.database)]
    for first, topic, ignored in zip_longest(firsts, consumer.topics, consumer.ignored or ("-",)):
        name, group, database = first or ("", "", "")
        yield [name, group, topic or "", ignored or "", database]


def _handler_table(handlers: Sequence[RegisteredHandler]) -> Table:
    rows = [[each.type, ", ".join(each.consumers) or "none", each.where] for each in handlers]
    return Table(["EVENT", "CONSUMER", "HANDLER"], rows)
