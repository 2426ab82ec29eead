"""The report of an audit, for people and for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from outbox_core.operations.report import Problem, Report, State, Table, worst_first
from outbox_core.people.humanize import amount, plural
from relay.audit.findings import Findings, Wrong

REMEDY = {
    Wrong.MISSING: "See who deleted them from Kafka (kafka-delete-records.sh, a changed retention.ms). "
    "outbox_replay sends them again.",
    Wrong.PHANTOM: "See who deleted them from the outbox, or who else writes with the source of this outbox.",
    Wrong.ALTERED: "See who else writes to this topic, or who changed the row of the event.",
    Wrong.DISORDER: "See who else writes to this topic.",
    Wrong.PERHAPS_DISORDER: "Their transactions may have been open at the same time. Where order matters, "
    "declare the event with serialize=True.",
}
WORDS = {
    Wrong.MISSING: "Missing in Kafka",
    Wrong.PHANTOM: "In Kafka with our source, and not in the outbox",
    Wrong.ALTERED: "With other bytes in Kafka than in the outbox",
    Wrong.DISORDER: "Behind a later event of the key in Kafka",
    Wrong.PERHAPS_DISORDER: "Behind an event of the key in Kafka that another transaction wrote",
}


def report(database: str, findings: Findings) -> Report:
    """The report on one audit."""
    problems = worst_first([*_problems(findings)])
    state = problems[0].state if problems else State.OK
    return Report(
        title=f"Audit of the outbox on {database}",
        state=state,
        problems=problems,
        facts=(*_facts(findings),),
        tables=(_differences(findings),) if findings.first else (),
        data=_data(database, state, problems, findings),
    )


def sentences(findings: Findings) -> Iterator[str]:
    """The result, without the differences themselves."""
    for problem in worst_first([*_problems(findings)]):
        yield f"{problem.text} {problem.remedy}"
    yield from _facts(findings)


def failed(database: str, problem: Problem) -> Report:
    """The report on an audit that could not be made."""
    data = _data(database, problem.state, (problem,), Findings())
    return Report(
        title=f"Audit of the outbox on {database}", state=problem.state, problems=(problem,), data=data
    )


def _problems(findings: Findings) -> Iterator[Problem]:
    for wrong, count in findings.differences.items():
        yield Problem(
            state=State.DIFFERENT if wrong.is_certain else State.NOT_PROVED,
            text=f"{WORDS[wrong]}: {plural(count, 'event')}.",
            remedy=REMEDY[wrong],
        )
    if findings.stopped:
        yield Problem(
            state=State.NOT_PROVED,
            text=f"The audit stopped before its end. {findings.stopped}",
            remedy="What it found so far is below.",
        )
    elif not findings.published.total():
        yield Problem(
            state=State.NOT_PROVED,
            text="There is nothing to prove: both sides together keep no published event of this range.",
            remedy="Choose a larger range, or other topics.",
        )


def _facts(findings: Findings) -> Iterator[str]:
    published = plural(findings.published.total(), "published event")
    if findings.published.total():
        records = plural(findings.records, "record")
        yield f"{published} compared with {records} of {plural(len(findings.published), 'topic')}."
        if not findings.differences and not findings.stopped:
            yield "Each is in Kafka, with equal bytes and in order. Kafka has no other event of ours."
        yield f"The first was created at {findings.oldest}, the last at {findings.newest}."
    copies = {"exact copies": findings.again, "replayed": findings.replayed}
    yield from _counts("More than once in Kafka, which is allowed", copies)
    yield from _counts("Not expected in Kafka", findings.waiting)
    yield from _counts("Outside of what both sides keep, not compared", findings.outside)
    others = {"of other sources": findings.others, "test records of outbox_doctor": findings.tests}
    yield from _counts("Other records", others)


def _counts(label: str, counts: dict[str, int]) -> Iterator[str]:
    words = ", ".join(f"{amount(count)} {name}" for name, count in counts.items() if count)
    if words:
        yield f"{label}: {words}."


def _differences(findings: Findings) -> Table:
    head = ["WHAT", "EVENT", "TOPIC", "KEY", "WHERE", "DETAIL"]
    rows = [[d.wrong, d.event_id, d.topic, d.key, d.where, d.detail] for d in findings.first]
    return Table(head, rows)


def _data(database: str, state: State, problems: tuple[Problem, ...], findings: Findings) -> dict[str, Any]:
    return {
        "database": database,
        "state": state,
        "exit_code": state.exit_code,
        "problems": msgspec.to_builtins(problems),
        **msgspec.to_builtins(findings),
    }
