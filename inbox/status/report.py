"""The status of the inbox: its state, problems with remedies, consumers, and held events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import inf
from typing import Any

import msgspec
from django.utils import timezone

from inbox.conf import ConsumerSettings
from inbox.handling.unhandled import REPLAYED, alike
from inbox.operations.bulk import operations
from inbox.status import causes
from inbox.status.causes import NOTHING, Causes
from inbox.status.consumers import ConsumerStatus, statuses
from inbox.status.lag import LagReader
from inbox.status.strangers import sentence
from outbox_core.operations.bulk import waiting
from outbox_core.operations.report import Problem, Report, State, Table, causes_table, held_text, worst_first
from outbox_core.operations.runbook import Runbook
from outbox_core.people.humanize import amount, duration, plural

RETRIES_SECONDS = 60.0
"""Retries that last longer than this become a problem in the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The most records that may wait, and the highest age of the oldest one in seconds, as the alert
    InboxBehind has it. None: no limit.
    """

    max_pending: int = 10_000
    max_age: float | None = 300.0


def read(chosen: Sequence[ConsumerSettings], using: str, thresholds: Thresholds, lags: LagReader) -> Report:
    """The status of these consumers."""
    consumers = statuses(chosen, using, lags)
    held = causes.read([consumer.name for consumer in chosen], using)
    problems = (*_problems(consumers, held, thresholds), *waiting.problems(operations, using))
    return build(using, consumers, held, problems)


def failed(using: str, problem: Problem) -> Report:
    """A report with only the problem that prevented it."""
    return build(using, [], NOTHING, (problem,))


def build(
    using: str, consumers: Sequence[ConsumerStatus], held: Causes, problems: tuple[Problem, ...]
) -> Report:
    """The report of these consumers."""
    problems = worst_first(problems)
    state = problems[0].state if problems else State.OK
    tables = [
        _consumers(consumers),
        Table(["CONSUMER", "TYPE WITHOUT HANDLER", "EVENTS", "DID YOU MEAN"], list(_unhandled(consumers))),
    ]
    return Report(
        title=f"inbox of database {using}",
        state=state,
        problems=problems,
        tables=(*tables, causes_table(held.causes)),
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
        "consumers": [asdict(consumer) for consumer in consumers],
        "held": held.events,
        "held_capped": held.capped,
        "causes": msgspec.to_builtins(held.causes),
    }


def _problems(consumers: Sequence[ConsumerStatus], held: Causes, thresholds: Thresholds) -> Iterator[Problem]:
    for consumer in consumers:
        yield from _process_problems(consumer)
        yield from _group_problems(consumer)
        yield from _pause_problems(consumer)
        yield from _lag_problems(consumer, thresholds)
        yield from _event_problems(consumer)
    if any(consumer.undecided for consumer in consumers):
        yield Problem(
            state=State.HELD,
            text=held_text(held.events, held.causes, capped=held.capped),
            remedy="Other keys are not affected. Remove each cause, then release the events "
            "(`inbox_release`) or discard them (`inbox_discard`).",
            runbook=Runbook.INBOX_HELD.url,
        )


def _process_problems(consumer: ConsumerStatus) -> Iterator[Problem]:
    name = consumer.consumer
    if not consumer.instances:
        yield Problem(
            state=State.NO_CONSUMER,
            text=f"Consumer {name} is not running: its events wait in Kafka.{_heard(consumer)}",
            remedy=f"Start it: `manage.py run_consumer {name}`. If it runs, look at its log.",
            runbook=Runbook.NO_CONSUMER.url,
        )
    if consumer.waiting_for:
        yield Problem(
            state=State.DEGRADED,
            text=f"Consumer {name} waits for {consumer.waiting_for.rstrip('.')}{_since(consumer)}.",
            remedy="Nothing is lost; it retries. Check that the named service answers from that host. "
            f"`manage.py inbox_doctor {name}` there checks each step to PostgreSQL and Kafka.",
            runbook=Runbook.CONSUMER_WAITS.url,
        )


def _group_problems(consumer: ConsumerStatus) -> Iterator[Problem]:
    if consumer.strangers:
        yield Problem(
            state=State.DEGRADED,
            text=sentence(consumer.group, consumer.strangers),
            remedy="They hang, or they use another database: then each database gets only a part of the "
            "events. Stop them, or give them a `GROUP` of their own. What this database did not get is read "
            "then. A process that was killed remains a member until its session times out.",
            runbook=Runbook.GROUP_SHARED.url,
        )


def _heard(consumer: ConsumerStatus) -> str:
    return "" if consumer.heard_at is None else f" Last heartbeat: {duration(_age(consumer.heard_at))} ago."


def _since(consumer: ConsumerStatus) -> str:
    return "" if consumer.waiting_since is None else f", for {duration(_age(consumer.waiting_since))}"


def _pause_problems(consumer: ConsumerStatus) -> Iterator[Problem]:
    for pause in consumer.pauses:
        what = (
            f"Topic {pause.topic} of consumer {consumer.consumer}"
            if pause.topic
            else f"Consumer {consumer.consumer}"
        )
        why = f": {pause.detail}" if pause.detail else ""
        option = f" --topic {pause.topic}" if pause.topic else ""
        yield Problem(
            state=State.HELD,
            text=f"{what} is paused since {pause.since:%Y-%m-%d %H:%M:%S %Z} by {pause.who}{why}.",
            remedy="Its events wait in Kafka, which deletes what is older than the topic's retention. "
            f"Resume it: `manage.py inbox_resume {consumer.consumer}{option}`.",
            runbook=Runbook.CONSUMER_PAUSED.url,
        )


def _lag_problems(consumer: ConsumerStatus, thresholds: Thresholds) -> Iterator[Problem]:
    name = consumer.consumer
    if consumer.lag_unknown:
        known = "not known" if consumer.lag is None else "known in part"
        yield Problem(
            state=State.DEGRADED,
            text=f"How far consumer {name} is behind is {known}: {consumer.lag_unknown}.",
            remedy=f"Run `manage.py inbox_doctor {name}`: it checks each step to Kafka from this host.",
            runbook=Runbook.LAG_UNKNOWN.url,
        )
    if _is_behind(consumer, thresholds):
        yield Problem(
            state=State.BEHIND,
            text=f"Consumer {name} is {plural(consumer.lag or 0, 'record')} behind{_oldest(consumer)}.",
            remedy="If this grows, start more processes, up to the number of partitions, or look at its log.",
            runbook=Runbook.CONSUMER_BEHIND.url,
        )


def _event_problems(consumer: ConsumerStatus) -> Iterator[Problem]:
    """Events that fail, and records that are lost."""
    name = consumer.consumer
    if consumer.retried_since is not None and _age(consumer.retried_since) > RETRIES_SECONDS:
        yield Problem(
            state=State.DEGRADED,
            text=f"{plural(consumer.retrying, 'event')} of consumer {name} failed and will be tried again; "
            f"the first has been held for {duration(_age(consumer.retried_since))}.",
            remedy="Nothing is lost, and other keys are not affected. If the error below is not an outage, "
            "correct the handler or the data, or discard the event (`inbox_discard`).",
            runbook=Runbook.RETRIES.url,
        )
    if consumer.missed:
        yield Problem(
            state=State.DEGRADED,
            text=f"Kafka deleted records before consumer {name} read them: {'; '.join(consumer.missed)}.",
            remedy="Set a longer retention.ms for the topic. Have the events sent again: `outbox_replay` "
            "where they were written, and `run_consumer --apply-replays` here.",
            runbook=Runbook.RECORDS_MISSED.url,
        )


def _is_behind(consumer: ConsumerStatus, thresholds: Thresholds) -> bool:
    if not consumer.lag:
        return False
    age = inf if consumer.lag_seconds is None else consumer.lag_seconds  # as of a record that is undecodable
    too_old = thresholds.max_age is not None and age > thresholds.max_age
    return too_old or consumer.lag > thresholds.max_pending


def _oldest(consumer: ConsumerStatus) -> str:
    return "" if consumer.lag_seconds is None else f", the oldest {duration(consumer.lag_seconds)} old"


def _unhandled(consumers: Sequence[ConsumerStatus]) -> Iterator[list[str]]:
    for consumer in consumers:
        for type_, count in consumer.unhandled.items():
            yield [consumer.consumer, type_, amount(count), _hint(type_, consumer)]


def _hint(type_: str, consumer: ConsumerStatus) -> str:
    if type_.endswith(REPLAYED):
        return "replays=True, --apply-replays"
    return alike(type_, consumer.handlers) or "-"


def _age(since: datetime) -> float:
    return max((timezone.now() - since).total_seconds(), 0.0)


def _idle(consumer: ConsumerStatus) -> float | None:
    return None if consumer.progress_at is None else _age(consumer.progress_at)


def _consumers(consumers: Sequence[ConsumerStatus]) -> Table:
    """A line for each. Workers have a column if there are some."""
    has_workers = any(consumer.workers for consumer in consumers)
    heads = ["CONSUMER", "RUNNING", *["WORKERS"] * has_workers]
    return Table(
        [*heads, "LAG", "OLDEST", "HANDLED", "LAST EVENT", "HELD"],
        [_row(consumer, has_workers) for consumer in consumers],
    )


def _row(consumer: ConsumerStatus, has_workers: bool) -> list[str]:
    idle = _idle(consumer)
    workers = amount(consumer.workers) if consumer.workers else "-"
    return [
        consumer.consumer,
        amount(consumer.instances) if consumer.instances else "no",
        *[workers] * has_workers,
        "unknown" if consumer.lag is None else amount(consumer.lag),
        "-" if consumer.lag_seconds is None else duration(consumer.lag_seconds),
        amount(consumer.handled),
        "-" if idle is None else f"{duration(idle)} ago",
        amount(consumer.held),
    ]
