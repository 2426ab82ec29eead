"""An operation as the pages show it: words, figures, and what this user may do with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.http import HttpRequest
from django.urls import reverse

from outbox_core.operations.bulk.model import OPEN, BulkOperation, State
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.words import counts, percent, progress, state, tone
from outbox_core.people.humanize import amount
from outbox_core.people.text import line

SHOWN = 5
FAILURES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """``url`` takes a POST."""

    name: str
    url: str
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """``url`` is the page of the operation, empty if this user may not see it."""

    row: BulkOperation
    operations: Operations
    buttons: Sequence[Button] = ()
    may_see_errors: bool = False
    url: str = ""

    @property
    def command(self) -> str:
        return self.operations.command(self.row)

    @property
    def title(self) -> str:
        return f"{self.row.pk}: {self.row.verb}"

    @property
    def scope(self) -> str:
        return line(self.row.scope, 200)

    @property
    def who(self) -> str:
        return line(self.row.who, 200)

    @property
    def reason(self) -> str:
        return line(self.row.reason)

    @property
    def rate(self) -> str:
        return f", at most {amount(self.row.rate)} a second" if self.row.rate else ""

    @property
    def state(self) -> str:
        return state(self.row, self.operations)

    @property
    def tone(self) -> str:
        return tone(self.row, self.operations)

    @property
    def percent(self) -> int:
        return percent(self.row)

    @property
    def counts(self) -> str:
        return counts(self.row)

    @property
    def said(self) -> str:
        return progress(self.row, self.operations, errors=self.may_see_errors)

    @property
    def failures(self) -> list[str]:
        """The first of what failed and was skipped. Errors can quote payloads."""
        found = self.operations.verb(self.row).failures(self.row) if self.may_see_errors else iter(())
        return [line(each, 300) for each in islice(found, FAILURES)]

    @property
    def result(self) -> list[str]:
        """What it found so far."""
        return [line(each, 500) for each in self.operations.verb(self.row).result(self.row)]

    @property
    def failures_name(self) -> str:
        """What the failures are."""
        return self.operations.verb(self.row).failed

    @property
    def carried_by(self) -> str:
        return line(self.row.carried_by, 200)


def shown(row: BulkOperation, operations: Operations, request: HttpRequest) -> Shown:
    """The operation for this user."""
    verb, app = operations.verb(row), row._meta.app_label
    may_view = request.user.has_perm(f"{app}.view_operation")
    may_change = may_view and request.user.has_perm(verb.permission)
    return Shown(
        row=row,
        operations=operations,
        may_see_errors=request.user.has_perm(f"{app}.view_payload"),
        buttons=[*_buttons(row, app)] if may_change else [],
        url=reverse(f"admin:{app}_operation_change", args=[row.pk]) if may_view else "",
    )


def newest(operations: Operations, using: str, request: HttpRequest) -> list[Shown]:
    """For a status page: what runs, and what was done last. Nothing for a user who may not see it."""
    if not request.user.has_perm(f"{operations.model._meta.app_label}.view_operation"):
        return []
    return [shown(row, operations, request) for row in operations.rows(using).newest(SHOWN)]


def _buttons(row: BulkOperation, app: str) -> Iterator[Button]:
    if row.state == State.RUNNING:
        yield _button("pause", row, app)
    if row.state in (State.PAUSED, State.FAILED):
        yield _button("resume", row, app)
    if row.state in OPEN:
        yield _button("cancel", row, app, quiet=True)


def _button(change: str, row: BulkOperation, app: str, *, quiet: bool = False) -> Button:
    url = reverse(f"admin:{app}_operation_{change}", args=[row.pk])
    return Button(name=change.capitalize(), url=url, quiet=quiet)
