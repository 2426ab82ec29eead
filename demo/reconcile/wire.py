"""Compares Kafka with the outbox. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from demo.reconcile.facts import CANCELLED, PAID, PLACED, REGISTERED, Event, Record
from demo.reconcile.findings import Fault, Finding

LIFE = {
    REGISTERED: 0,
    "shop.customer.changed": 1,
    "shop.customer.deleted": 2,
    PLACED: 0,
    PAID: 1,
    CANCELLED: 2,
}
"""The order that the events of a key must have, independent of the outbox."""
SAME = ("topic", "key", "type", "payload")


def first_deliveries(records: Iterable[Record]) -> list[Record]:
    """The records without repeated events."""
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record.event_id, record)
    return list(first.values())


def compare_events(events: Sequence[Event], records: Sequence[Record]) -> Iterator[Finding]:
    """Every event of the outbox is in Kafka, byte for byte, and nothing else; a repetition is exact."""
    expected = {event.event_id: event for event in events}
    first = {record.event_id: record for record in first_deliveries(records)}
    for record in records:
        event, earlier = expected.get(record.event_id), first[record.event_id]
        if event is None:
            yield _finding(Fault.PHANTOM, f"{record} is not in the outbox")
        elif differences := list(_differences(event, record)):
            yield _finding(Fault.DIFFERENT, f"{record}: {', '.join(differences)}")
        elif record.headers != earlier.headers:
            yield _finding(Fault.DIFFERENT, f"{record} has other headers than at {earlier.offset}")
    for event in events:
        if event.event_id not in first:
            yield _finding(Fault.LOST, str(event))


def compare_order(events: Iterable[Event], records: Iterable[Record]) -> Iterator[Finding]:
    """For each key, first deliveries are in one partition, in the order of the outbox and of the shop."""
    place = {event.event_id: event.id for event in events}
    latest: dict[tuple[str, str], Record] = {}
    for record in (each for each in first_deliveries(records) if each.event_id in place):
        before = latest.setdefault((record.topic, record.key), record)
        latest[record.topic, record.key] = record
        if before.partition != record.partition:
            yield _finding(Fault.DISORDER, f"{record} is in another partition than {before}")
        elif place[before.event_id] > place[record.event_id]:
            yield _finding(Fault.DISORDER, f"{record} came after {before}, which was committed later")
        elif LIFE.get(before.type, 0) > LIFE.get(record.type, 0):
            yield _finding(Fault.DISORDER, f"{record} came after {before}")


def _differences(event: Event, record: Record) -> Iterator[str]:
    for name in SAME:
        if (ours := getattr(event, name)) != (theirs := getattr(record, name)):
            yield f"{name} {theirs!r} instead of {ours!r}"


def _finding(fault: Fault, what: str) -> Finding:
    return Finding(fault, "Kafka", what)
