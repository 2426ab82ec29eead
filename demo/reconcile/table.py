"""The comparison as text, 80 columns wide. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from demo.reconcile.figures import COLUMNS, Row, Value
from demo.reconcile.findings import Fault
from demo.reconcile.verdict import Verdict

EXAMPLES = 3
GOOD, BAD, UNKNOWN = "✓", "✗", "\N{EN DASH}"


def table(rows: Iterable[Row]) -> str:
    """One line for each figure, one column for each service; a dash if a service does not know it."""
    lines = [["", *COLUMNS], *([row.label, *map(_figure, row.values)] for row in rows)]
    first, *widths = (max(map(len, column)) for column in zip(*lines, strict=True))
    text = [
        f"{label:<{first}}" + "".join(f" {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for label, *cells in lines
    ]
    return "\n".join([text[0], "─" * len(text[0]), *text[1:]])


def answers(verdict: Verdict) -> str:
    """One line for each question, with the first few examples below each failed one."""
    lines = [line for fault in Fault for line in _answer(verdict, fault)]
    return "\n".join(
        [
            *lines,
            _line(" ", "duplicates on the wire", verdict.resent, "exact re-sends, absorbed"),
        ]
    )


def _answer(verdict: Verdict, fault: Fault) -> Iterator[str]:
    findings = verdict.of(fault)
    if fault is Fault.MAIL and not findings:
        yield _line(GOOD, "welcome mails", verdict.mails, "sent once each")
        return
    yield _line(BAD if findings else GOOD, fault, len(findings), _scope(verdict, fault))
    yield from (f"    {finding}" for finding in findings[:EXAMPLES])
    if len(findings) > EXAMPLES:
        yield f"    … and {len(findings) - EXAMPLES:,} more"


def _line(mark: str, question: str, count: int, remark: str = "") -> str:
    return f"{mark} {question + ':':<41}{count:>6,}  {remark}".rstrip()


def _scope(verdict: Verdict, fault: Fault) -> str:
    scopes = {
        Fault.ROLLED_BACK: f"of {verdict.declined:,} declined",
        Fault.LOST: f"of {verdict.events:,} events",
        Fault.DISORDER: f"of {verdict.keys:,} keys",
    }
    return scopes.get(fault, "")


def _figure(value: Value) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.2f}" if isinstance(value, Decimal) else f"{value:,}"
