"""The places that an event passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.journey.marks import Mark, State, Step

if TYPE_CHECKING:
    from shop.journey.inquiry import Report
    from shop.journey.services import Service

KAFKA = {
    State.DONE: "Has the events, safe on every replica in sync.",
    State.WAITING: "The relay has not published to it yet.",
    State.HELD: "A person must decide: see the outbox.",
    State.NOTHING: "Received the events long ago.",
}


@dataclass(frozen=True, slots=True)
class Station:
    """A place where events arrive, their common state there, and what it knows."""

    name: str
    title: str
    mark: Mark
    knows: str


def stations(steps: Sequence[Step], answers: Mapping[Service, Report]) -> Iterator[Station]:
    """The shop, the outbox and Kafka, then every service that was asked."""
    count = f"{len(steps)} event{'' if len(steps) == 1 else 's'}"
    committed = Mark(State.DONE, "committed")
    yield Station("shop", "Shop", committed, "The order and its events share one transaction.")
    written = _together(steps, "outbox")
    yield Station("outbox", "Outbox", written, f"{count} written, in the order of what happened.")
    in_kafka = _together(steps, "kafka")
    yield Station("kafka", "Kafka", in_kafka, KAFKA[in_kafka.state])
    for service, report in answers.items():
        mark = _together(steps, service.name)
        if report.problem:
            mark = Mark(State.UNREACHABLE, "not reachable")
        yield Station(service.name, service.title, mark, report.problem or report.knows)


def _together(steps: Sequence[Step], name: str) -> Mark:
    """The mark of the event that is least advanced."""
    found = [step.marks[name] for step in steps if step.marks[name].state != State.NOTHING]
    behind = [mark for state in (State.HELD, State.WAITING) for mark in found if mark.state == state]
    return next(iter([*behind, *reversed(found)]), Mark(State.NOTHING, "nothing to do"))
