"""Makes the consumer of this process pass named points, or go without one of its guards."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from inbox.handling.routing import Delivery
from inbox.handling.unit_of_work import UnitOfWork
from inbox.holding.retries import Retries
from inbox.kafka import KafkaSource
from inbox.models import Offset
from inbox.models.held_queries import HeldEventQuerySet
from inbox.models.unit import UnitManager
from inbox.offsets import DatabaseOffsets, Moves
from outbox_core.kafka_options import CONFLUENT
from tests.torture.inbox.settings import CLIENT, RECORDS
from tests.torture.points import Points


def install(points: Points) -> None:
    """Have this process pass the points, for the rest of its life."""
    if CLIENT == CONFLUENT:
        from inbox.kafka.confluent import reader

        reader.MOST = RECORDS
    _pass(points, "mid-batch", Delivery, "run", late=True)
    _pass(points, "before-commit", UnitOfWork, "_refuse_broken")
    _pass(points, "before-offsets", KafkaSource, "commit")
    _pass(points, "after-offsets", KafkaSource, "commit", late=True)
    _pass(points, "held", HeldEventQuerySet, "hold", late=True)
    _pass(points, "retried", UnitOfWork, "retry", late=True)
    _pass(points, "begun", Retries, "_begin", late=True)
    _pass(points, "sought", KafkaSource, "move", late=True)


def _pass(points: Points, point: str, owner: type, name: str, *, late: bool = False) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if not late:
            points.reached(point)
        result = original(*arguments, **options)
        if late:
            points.reached(point)
        return result

    setattr(owner, name, wrapped)


def _no_dedupe() -> None:
    """Every event counts as new."""
    begin = UnitManager.begin

    def begun(
        manager: UnitManager, unit: int, consumer: str, moves: Any, identities: Any, idle: float
    ) -> Any:
        return begin(manager, unit, consumer, moves, identities, idle)._replace(claimed=set(identities))

    setattr(UnitManager, "begin", begun)  # noqa: B010


def _no_waiting_behind() -> None:
    """Only the poison itself is held."""
    setattr(UnitOfWork, "_blocked", lambda *_: set())  # noqa: B010


def _offsets_first() -> None:
    """Offsets are stored as soon as records are polled."""
    poll = KafkaSource.poll

    def polled(source: KafkaSource, timeout: float) -> Any:
        records = poll(source, timeout)
        store: Any = source._starts._store
        store.catch_up({(record.topic, record.partition): record.offset + 1 for record in records})
        source.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        return records

    setattr(KafkaSource, "poll", polled)  # noqa: B010


def _no_look_back() -> None:
    """Offsets are stored, whatever the database has lost of those before them."""

    def confirm(store: DatabaseOffsets, moves: Moves) -> None:
        for (topic, partition), offset in moves.offsets.items():
            Offset.objects.filter(topic=topic, partition=partition, offset__lt=offset).update(offset=offset)

    setattr(Moves, "require", lambda *_: None)  # noqa: B010
    setattr(DatabaseOffsets, "confirm", confirm)  # noqa: B010
    setattr(DatabaseOffsets, "_went_back", lambda *_: False)  # noqa: B010


GUARDS: dict[str, Callable[[], None]] = {
    "dedupe": _no_dedupe,
    "holding": _no_waiting_behind,
    "offsets-last": _offsets_first,
    "look-back": _no_look_back,
}
