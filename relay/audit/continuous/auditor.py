"""Has the parts of a continuous audit take turns, and stores how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from django.db import DatabaseError, InterfaceError

from outbox.errors import LogUnsafe
from outbox.models import ContinuousAudit
from outbox_core.errors import KafkaUnreachable
from outbox_core.people.failure import describe
from outbox_core.people.text import line
from relay import signals
from relay.audit.continuous.row import AuditRow
from relay.audit.continuous.work import Whole, Work
from relay.audit.findings import Findings
from relay.audit.kafka import Reader
from relay.audit.text import REMEDY, WORDS

FOLLOWING, FIRST, WHOLE = 0.5, 0.4, 0.05
"""The shares of the time between two turns: for new events, for the first whole audit, and for later ones."""
FIELDS = ("until", "compared_at", "differences", "first", "found_at", "trouble")


class Auditor:
    """A process that may compare. ``every`` is the seconds between two turns, ``make`` opens a reader of
    Kafka.
    """

    def __init__(self, alias: str, make: Callable[[], Reader], every: float, row: AuditRow) -> None:
        self._alias = alias
        self._make = make
        self._every = every
        self._row = row
        self._work: Work | None = None
        self._trouble = ""

    def turn(self) -> bool:
        """Compare a part, if no other process does. Returns whether it has. Raises errors of the database."""
        try:
            row = self._row.claim()
            if row is None:
                self._forget()
                return False
            before = row.differences
            self._compare(row)
        except (DatabaseError, InterfaceError) as error:
            self._begin_again(describe(error))
            raise
        self._row.store(row, **{name: getattr(row, name) for name in FIELDS})
        if row.differences > before:
            signals.difference_found.send(Auditor, differences=row.differences, first=row.first)
        return True

    def give_back(self) -> None:
        """Let another process continue at once."""
        self._forget()
        self._row.give_back()

    def _compare(self, row: ContinuousAudit) -> None:
        try:
            if self._work is None or self._work.since != row.since:
                self._forget()
                self._work = Work(self._alias, self._make, row)
            self._take_turns(row, self._work)
            self._trouble = row.trouble
        except LogUnsafe as error:
            self._forget()  # ids may have another meaning afterwards
            row.trouble = self._begin_again(str(error))
        except KafkaUnreachable as error:
            row.trouble = self._begin_again(f"Kafka cannot be read: {line(error).rstrip('.')}.")
        except (DatabaseError, InterfaceError):
            raise
        except Exception as error:  # for an answer that they do not understand, clients raise any error
            row.trouble = self._begin_again(describe(error))

    def _take_turns(self, row: ContinuousAudit, work: Work) -> None:
        until = work.follow(self._every * FOLLOWING)
        whole = work.audit(self._every * (WHOLE if row.compared_at else FIRST))
        row.trouble = ""
        note(row, work.following.findings, work.now())
        work.following.findings.clear()
        if whole is not None:
            judge(row, whole, work.now())
        if until is not None and row.compared_at is not None and not row.differences:
            row.until = until

    def _begin_again(self, trouble: str) -> str:
        if self._work is not None:
            self._work.begin_again()
        if trouble != self._trouble:
            self._trouble = trouble
            signals.audit_interrupted.send(Auditor, why=trouble)
        return trouble

    def _forget(self) -> None:
        if self._work is not None:
            self._work.close()
        self._work = None


def judge(row: ContinuousAudit, whole: Whole, now: datetime) -> None:
    """Take over the findings of a whole audit that has ended. Keep what was found after it began. Pure."""
    if whole.findings.stopped:
        row.trouble = whole.findings.stopped
        return
    row.compared_at = whole.began
    if whole.findings.total or row.found_at is None or row.found_at < (whole.began or now):
        row.differences, row.first, row.found_at = 0, None, None
        note(row, whole.findings, now)


def note(row: ContinuousAudit, findings: Findings, now: datetime) -> None:
    """Add what was found. Pure."""
    if findings.total:
        first = findings.certain[0]
        row.differences += findings.total
        texts = {"what": WORDS[first.wrong], "remedy": REMEDY[first.wrong]}
        row.first = row.first or {**msgspec.to_builtins(first), **texts}
        row.found_at = now
