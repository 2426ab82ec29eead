"""The one row of a continuous audit: who compares, and how far it has come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from outbox.models import ContinuousAudit, Ledger
from outbox_core.operations import actor
from outbox_core.operations.ledger import OpenEntry
from outbox_core.people.humanize import plural

LEASE_SECONDS = 60.0


class AuditRow:
    """The row, which one process has at a time. Each method may raise errors of the database."""

    def __init__(self, alias: str, auditor: str, seconds: float = LEASE_SECONDS) -> None:
        self._rows = ContinuousAudit.objects.using(alias).filter(pk=1)
        self._owner = uuid4()
        self._auditor = auditor
        self._lease = timedelta(seconds=seconds)

    def claim(self) -> ContinuousAudit | None:
        """The row, whose lease this renews. None if another process has it."""
        if not self._rows.exists():
            self._rows.bulk_create([ContinuousAudit(pk=1)], ignore_conflicts=True)
        free = Q(owner=self._owner) | Q(owner=None) | Q(lease_until__lt=Now())
        ours = {"owner": self._owner, "auditor": self._auditor, "lease_until": Now() + self._lease}
        return self._rows.get() if self._rows.filter(free).update(**ours) else None

    def store(self, row: ContinuousAudit, **values: Any) -> None:
        """Store these fields, unless another process has the row now or somebody has reset it."""
        self._rows.filter(owner=self._owner).filter(
            Q(since=row.since) if row.since else Q(since=None)
        ).update(**values)

    def give_back(self) -> None:
        """Let another process continue at once."""
        self._rows.filter(owner=self._owner).update(owner=None, lease_until=None)


def reset(alias: str) -> None:
    """Forget what is proved and what was found, and note that in the ledger. Events that were created before
    now do not count any more.
    """
    rows = ContinuousAudit.objects.using(alias)
    with transaction.atomic(using=alias):
        rows.bulk_create([ContinuousAudit(pk=1)], ignore_conflicts=True)
        row = rows.select_for_update().get(pk=1)
        fresh = {"until": None, "compared_at": None, "differences": 0, "first": None, "found_at": None}
        rows.filter(pk=1).update(**fresh, trouble="", since=Now())
        entry = OpenEntry(
            Ledger,
            alias,
            who=actor.shell(),
            verb=Ledger.Verb.RESET,
            scope="the continuous audit",
            before=_words(row),
        )
        entry.add(1, last=True)


def _words(row: ContinuousAudit) -> str:
    proved = f"proved up to {row.until:%Y-%m-%d %H:%M:%S %Z}" if row.until else "nothing proved"
    return f"{proved}, {plural(row.differences, 'difference')}"
