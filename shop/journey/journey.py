"""Follows the events of an order from the shop to every service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from shop.journey.inquiry import Report, reports
from shop.journey.marks import Mark, State, Step, delay, spoken
from shop.journey.stations import Station, stations
from shop.journey.trail import trail

if TYPE_CHECKING:
    from outbox.models import OutboxEvent
    from shop.journey.services import Service
    from shop.models import Order

SIGNED_UP_FOR_IT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Journey:
    """The events of an order and their states. ``slowest`` is the longest time that one took."""

    steps: list[Step]
    stations: list[Station]
    slowest: timedelta

    @classmethod
    def of(cls, order: Order) -> Journey:
        """Ask the outbox and every service about the order, and about its customer's registration if new."""
        events = list(trail(order.pk, filter(None, (order.created_at, order.paid_at, order.cancelled_at))))
        joined = order.customer.date_joined
        if order.created_at - joined < SIGNED_UP_FOR_IT:
            events = [*trail(order.customer_id, [joined]), *events]
        answers = reports(order, [event.event_id for event in events])
        steps = [Step.of(event, answers) for event in events]
        return cls(steps, list(stations(steps, answers)), max(_delays(events, answers), default=timedelta()))

    def rows(self) -> Iterator[tuple[OutboxEvent, list[tuple[Station, Mark]]]]:
        """Each event with its marks, beside the stations they belong to."""
        for step in self.steps:
            yield (
                step.event,
                [(each, step.marks[each.name]) for each in self.stations if each.name in step.marks],
            )

    @property
    def is_complete(self) -> bool:
        return all(mark.state == State.DONE for mark in self._expected())

    @property
    def summary(self) -> str:
        states = [mark.state for mark in self._expected()]
        done, expected = states.count(State.DONE), len(states)
        if not expected:
            return "The events of this order were published long ago and are no longer in the outbox."
        if done < expected:
            return f"{done} of {expected} steps done…"
        slowest = spoken(self.slowest)
        return f"Arrived everywhere: all {expected} steps done, the slowest {slowest} after its event."

    def _expected(self) -> Iterator[Mark]:
        return (mark for step in self.steps for mark in step.marks.values() if mark.state != State.NOTHING)


def _delays(events: Iterable[OutboxEvent], answers: Mapping[Service, Report]) -> Iterator[timedelta]:
    for event in events:
        for report in answers.values():
            if str(event.event_id) in report.applied:
                yield delay(event, report.applied[str(event.event_id)])
