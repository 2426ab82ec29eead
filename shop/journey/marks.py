"""What happened to one event at one station. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from outbox.models import EventStatus

if TYPE_CHECKING:
    from outbox.models import OutboxEvent
    from shop.journey.inquiry import Report
    from shop.journey.services import Service


class State(StrEnum):
    """The state of an event at a station."""

    DONE = "done"
    WAITING = "waiting"
    HELD = "held"
    UNREACHABLE = "unreachable"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Mark:
    """A state, with a few words on it."""

    state: State
    text: str


IN_KAFKA = {
    EventStatus.PENDING: Mark(State.WAITING, "pending"),
    EventStatus.PUBLISHED: Mark(State.DONE, "acknowledged"),
    EventStatus.HELD: Mark(State.HELD, "held"),
    EventStatus.DISCARDED: Mark(State.HELD, "discarded"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One event and its mark at each station but the shop, by the station's name."""

    event: OutboxEvent
    marks: Mapping[str, Mark]

    @classmethod
    def of(cls, event: OutboxEvent, answers: Mapping[Service, Report]) -> Step:
        marks = {"outbox": Mark(State.DONE, "written"), "kafka": IN_KAFKA[EventStatus(event.status)]}
        return cls(event, marks | {each.name: _in_service(event, each, answers[each]) for each in answers})


def _in_service(event: OutboxEvent, service: Service, report: Report) -> Mark:
    if not service.takes(event.type):
        return Mark(State.NOTHING, "not for it")
    if report.problem:
        return Mark(State.UNREACHABLE, "not reachable")
    if str(event.event_id) in report.held:
        return Mark(State.HELD, "held")
    applied_at = report.applied.get(str(event.event_id))
    if applied_at is None:
        return Mark(State.WAITING, "waiting")
    return Mark(State.DONE, f"after {spoken(delay(event, applied_at))}")


def delay(event: OutboxEvent, moment: datetime) -> timedelta:
    """The time between the writing of the event and a later step. The clocks may differ."""
    return max(timedelta(), moment - event.created_at)


def spoken(delay: timedelta) -> str:
    seconds = delay.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
