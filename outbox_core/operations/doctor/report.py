"""The results as they are printed, and as JSON. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from outbox_core.operations.doctor.step import Outcome, Result, exit_code
from outbox_core.people.humanize import plural
from outbox_core.people.text import line

Paint = Callable[[str, Outcome], str]
"""Colours a text by an outcome."""
MARKS = {
    Outcome.OK: "✓",
    Outcome.NOT_USED: "-",
    Outcome.WARNING: "!",
    Outcome.FAILED: "✗",
    Outcome.NOT_TRIED: "-",
}
PLAIN_MARKS = {**MARKS, Outcome.OK: "+", Outcome.FAILED: "X"}
"""For a terminal that cannot print the others."""
INDENT = 14
"""Where the text begins behind a mark and a name."""
_WRAP: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def merged(results: Iterable[Result]) -> Iterator[Result]:
    """As they are printed: steps of one kind that were not tried for one reason become one."""
    waiting: list[Result] = []
    for result in results:
        if waiting and (_kind(result), result.facts) != (_kind(waiting[0]), waiting[0].facts):
            yield _joined(waiting)
            waiting = []
        if result.outcome is Outcome.NOT_TRIED:
            waiting.append(result)
        else:
            yield result
    if waiting:
        yield _joined(waiting)


def _kind(result: Result) -> tuple[Outcome, str]:
    return result.outcome, result.name.partition(" ")[0]


def _joined(results: Sequence[Result]) -> Result:
    kind, _, _ = results[0].name.partition(" ")
    names = ", ".join(result.name.partition(" ")[2] for result in results)
    return replace(results[0], name=f"{kind} {names}".rstrip())


def render(result: Result, paint: Paint, width: int, marks: Mapping[Outcome, str]) -> Iterator[str]:
    """The lines of one step: its facts, and below them each problem with its remedy."""
    head = f"{marks[result.outcome]} {result.name.partition(' ')[0]}"
    for number, (outcome, text) in enumerate(_paragraphs(result)):
        begin = (head if number == 0 else "").ljust(INDENT)
        mark = "" if number == 0 or outcome is None else f"{marks[outcome]} "
        first, *rest = textwrap.wrap(f"{mark}{line(text, 2_000)}", max(width - INDENT, 30), **_WRAP)
        yield f"{paint(begin, result.outcome)}{paint(first, outcome) if outcome else first}".rstrip()
        yield from (f"{' ' * INDENT}{paint(row, outcome) if outcome else row}" for row in rest)


def _paragraphs(result: Result) -> Iterator[tuple[Outcome | None, str]]:
    """Texts with the outcome that they stand for; facts and remedies stand for none."""
    if result.outcome in (Outcome.NOT_TRIED, Outcome.NOT_USED):
        what = result.name.partition(" ")[2]
        yield None, f"{result.outcome}: {'; '.join(result.facts)}{f' ({what})' if what else ''}"
        return
    yield from ((None, fact) for fact in result.facts)
    for finding in result.findings:
        yield finding.outcome, finding.text
        yield None, f"-> {finding.remedy}"


def summary(results: list[Result]) -> str:
    """``All 12 steps are well.``"""
    count = {outcome: sum(r.outcome is outcome for r in results) for outcome in Outcome}
    if count[Outcome.FAILED]:
        untried = f", {count[Outcome.NOT_TRIED]} not tried" if count[Outcome.NOT_TRIED] else ""
        return f"{plural(count[Outcome.FAILED], 'step')} failed{untried}."
    if count[Outcome.WARNING]:
        return f"No step failed; {plural(count[Outcome.WARNING], 'warning')}."
    return f"All {plural(len(results), 'step')} are well."


def as_data(subject: dict[str, Any], results: list[Result]) -> dict[str, Any]:
    """For JSON."""
    code = exit_code(results)
    return {
        **subject,
        "outcome": (Outcome.OK, Outcome.WARNING, Outcome.FAILED)[code],
        "exit_code": code,
        "steps": [
            {
                "name": result.name,
                "outcome": result.outcome,
                "facts": result.facts,
                "problems": [
                    {"outcome": each.outcome, "text": each.text, "remedy": each.remedy}
                    for each in result.findings
                ],
                "seconds": result.seconds,
            }
            for result in results
        ],
    }
