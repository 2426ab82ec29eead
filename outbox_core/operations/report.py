"""The report of both status commands: a state, problems with remedies, facts and tables. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from outbox_core.people.humanize import amount, duration, plural
from outbox_core.people.text import line
from outbox_core.process.exit_codes import StatusCode


class State(StrEnum):
    """The state of one side, in a word. If several apply, the lowest in this list counts."""

    OK = "ok"
    """Processes are alive, nothing is held, what waits is within the thresholds."""
    HELD = "held"
    """There are holds, a pause or a stopped operation: their events wait, all others are processed."""
    BEHIND = "behind"
    """More events wait, or the oldest for longer, than the thresholds allow."""
    DEGRADED = "degraded"
    """A process reports that Kafka or PostgreSQL does not answer, or a part of the work has no owner."""
    NOT_PROVED = "not proved"
    """An audit could not compare everything, or cannot know whether what it found is wrong."""
    INCOMPLETE = "incomplete"
    """An operation is done, and has skipped rows."""
    NO_RELAY = "no relay"
    """No relay has sent a heartbeat lately: nothing is published, and nothing is lost."""
    NO_CONSUMER = "no consumer"
    """A consumer has no process that is alive: its events wait in Kafka."""
    DIFFERENT = "different"
    """An audit found events that Kafka lacks, or has otherwise than the outbox."""
    REFUSED = "refused"
    """Reading the log, or trusting its position, could lose events: relays wait until a person acts."""
    NOT_MIGRATED = "not migrated"
    """Tables, or the rows that migrate puts there, are missing."""
    UNREADABLE = "unreadable"
    """The database does not answer in time or refuses this user, or the settings cannot be used."""

    @property
    def severity(self) -> int:
        return list(State).index(self)

    @property
    def exit_code(self) -> StatusCode:
        """0 well, 1 needs a look, 2 nothing is being processed."""
        if self is State.OK:
            return StatusCode.OK
        return StatusCode.WARNING if self.severity < State.NO_RELAY.severity else StatusCode.CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem and its remedy. ``runbook`` is the address of a page about it, if there is one."""

    state: State
    text: str
    remedy: str
    runbook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Events of one topic and type that are held for one reason; the type is empty if nothing waits. A
    ``capped`` count means at least so many. ``oldest`` and ``newest`` are the seconds since the first and the
    last of them was held, ``attempts`` the most that one of them has had. ``example`` is the id of one,
    ``sample`` describes it, ``detail`` is why it is held; ``releasing`` counts those that are being released.
    """

    reason: str
    topic: str
    type: str
    holds: int
    keys: int
    events: int
    capped: bool
    oldest: float
    newest: float
    attempts: int
    releasing: int
    example: int
    sample: str
    detail: str
    consumer: str = ""


class Table(NamedTuple):
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The status of one side as it is printed. ``data`` is for JSON."""

    title: str
    state: State
    problems: tuple[Problem, ...]
    facts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    data: dict[str, Any]

    @property
    def exit_code(self) -> StatusCode:
        return self.state.exit_code


Paint = Callable[[str, State], str]
"""Colours a text by the severity of a state."""


def worst_first(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: -problem.state.severity))


def render(report: Report, paint: Paint) -> Iterator[str]:
    """The lines of a report, for a terminal."""
    yield f"{line(report.title)}: {paint(report.state, report.state)}"
    for problem in report.problems:
        yield ""
        yield paint(f"! {line(problem.text, 1_000)}", problem.state)
        yield f"  {line(problem.remedy, 1_000)}"
        if problem.runbook:
            yield f"  See {problem.runbook}"
    yield from ["", *map(line, report.facts)] if report.facts else []
    for table in report.tables:
        yield from _table(table)


def causes_table(causes: Sequence[Cause]) -> Table:
    """Held events by cause, topic and type."""
    head = [
        "REASON",
        "TOPIC",
        "TYPE",
        "KEYS",
        "EVENTS",
        "FIRST",
        "LAST",
        "ATTEMPTS",
        "RELEASING",
        "FOR EXAMPLE",
    ]
    with_consumer = any(cause.consumer for cause in causes)
    rows = [
        [
            *([cause.consumer] if with_consumer else []),
            cause.reason,
            cause.topic,
            cause.type or "-",
            amount(cause.keys, capped=cause.capped),
            amount(cause.events, capped=cause.capped),
            f"{duration(cause.oldest)} ago",
            f"{duration(cause.newest)} ago",
            amount(cause.attempts) if cause.attempts else "-",
            amount(cause.releasing) if cause.releasing else "-",
            cause.sample,
        ]
        for cause in causes
    ]
    return Table(["CONSUMER", *head] if with_consumer else head, rows)


def held_text(events: int, causes: Sequence[Cause], *, capped: bool) -> str:
    """``At least 10,000 events are held, for 2 causes.``"""
    about = "At least " if capped else ""
    verb = "is" if events == 1 and not capped else "are"
    reasons = len({(cause.consumer, cause.reason, cause.topic) for cause in causes})
    return f"{about}{plural(events, 'event')} {verb} held, for {plural(reasons, 'cause')}."


def _table(table: Table) -> Iterator[str]:
    rows = [[line(cell, 120) for cell in row] for row in table.rows]
    if rows:
        widths = [max(map(len, column)) for column in zip(table.head, *rows, strict=True)]
        yield ""
        for row in (table.head, *rows):
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
