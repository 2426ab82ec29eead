"""The status of the inbox: its state, what is wrong and what to do about it, its consumers, what is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from django.utils import timezone

from inbox import causes
from inbox.causes import Causes
from inbox.status import ConsumerStatus, statuses
from outbox_core.operations.report import Problem, Report, State, Table, causes_table, held_text, worst_first
from outbox_core.people.humanize import amount, duration

NOTHING = Causes((), 0, capped=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What is still well: records that wait, and for how many seconds no event was handled while some wait.

    None is no limit: after a silent night the first records wait behind an old time, for a moment.
    """

    max_pending: int = 10_000
    max_age: float | None = None


def read(names: Sequence[str], using: str, thresholds: Thresholds) -> Report:
    """The status of these consumers."""
    consumers = statuses(names, using)
    held = causes.read(names, using)
    return build(using, consumers, held, tuple(_problems(consumers, held, thresholds)))


def failed(using: str, problem: Problem) -> Report:
    """A report of nothing but why there is none."""
    return build(using, [], NOTHING, (problem,))


def build(
    using: str, consumers: Sequence[ConsumerStatus], held: Causes, problems: tuple[Problem, ...]
) -> Report:
    """What is known, as a report."""
    problems = worst_first(problems)
    state = problems[0].state if problems else State.OK
    tables = [
        Table(["CONSUMER", "RUNNING", "LAG", "HANDLED", "LAST EVENT", "HELD"], [_row(c) for c in consumers])
    ]
    return Report(
        title=f"inbox of database {using}",
        state=state,
        problems=problems,
        live=all(consumer.instances for consumer in consumers),
        tables=(*tables, causes_table(held.causes, "KEYS")),
        data=_data(using, state, consumers, held, problems),
    )


def _data(
    using: str, state: State, consumers: Sequence[ConsumerStatus], held: Causes, problems: tuple[Problem, ...]
) -> dict[str, Any]:
    return {
        "database": using,
        "state": state.value,
        "exit_code": state.exit_code,
        "problems": msgspec.to_builtins(problems),
        "consumers": [asdict(consumer) | {"exit_code": consumer.exit_code} for consumer in consumers],
        "held": held.events,
        "held_capped": held.capped,
        "causes": msgspec.to_builtins(held.causes),
    }


def _problems(consumers: Sequence[ConsumerStatus], held: Causes, thresholds: Thresholds) -> Iterator[Problem]:
    for consumer in consumers:
        yield from _of_consumer(consumer, thresholds)
    if held.events:
        yield Problem(
            state=State.HELD,
            text=held_text(held.events, held.causes, capped=held.capped),
            remedy="Other keys are not affected. Remove each cause, then release the events "
            "(`inbox_release`) or discard them (`inbox_discard`).",
        )


def _of_consumer(consumer: ConsumerStatus, thresholds: Thresholds) -> Iterator[Problem]:
    name = consumer.consumer
    if not consumer.instances:
        yield Problem(
            state=State.NO_CONSUMER,
            text=f"Consumer {name} is not running: its events wait in Kafka.",
            remedy=f"Start it: `manage.py run_consumer {name}`. If it runs, look at its log.",
        )
    if consumer.waiting_for:
        yield Problem(
            state=State.DEGRADED,
            text=f"Consumer {name} waits for {consumer.waiting_for}",
            remedy="Nothing is lost, and it keeps trying. Check that what it names answers from that host.",
        )
    lag, idle = consumer.lag or 0, _idle(consumer)
    stuck = lag and idle is not None and thresholds.max_age is not None and idle > thresholds.max_age
    if consumer.instances and (stuck or lag > thresholds.max_pending):
        last = f" The last event was handled {duration(idle)} ago." if idle is not None else ""
        yield Problem(
            state=State.BEHIND,
            text=f"Consumer {name} is {amount(lag)} records behind.{last}",
            remedy="If this grows, start more processes, up to the number of partitions, or look at its log.",
        )


def _idle(consumer: ConsumerStatus) -> float | None:
    if consumer.progress_at is None:
        return None
    return max((timezone.now() - consumer.progress_at).total_seconds(), 0.0)


def _row(consumer: ConsumerStatus) -> list[str]:
    idle = _idle(consumer)
    return [
        consumer.consumer,
        amount(consumer.instances) if consumer.instances else "no",
        "unknown" if consumer.lag is None else amount(consumer.lag),
        amount(consumer.handled),
        "-" if idle is None else f"{duration(idle)} ago",
        amount(consumer.parked),
    ]
