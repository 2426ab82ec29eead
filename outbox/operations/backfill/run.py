"""A run of a backfill. Its ledger entry stores how far it is, in the transaction of each chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from outbox.errors import OutboxError
from outbox.models import Ledger
from outbox.operations.backfill.calls import Calls, Failure
from outbox.operations.backfill.rows import Rows, key_of, key_text, shown
from outbox_core.operations.ledger import DONE, IN_PART

NAMED = 1_000
"""At most so many failed rows are stored with the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``after`` is the last row that is done (None: it has not begun), ``until`` the last one to do: rows
    that are created later have events of their own.
    """

    rows: Rows
    scope: str
    identity: dict[str, Any]
    who: str
    until: Any
    after: Any = None
    events: int = 0
    failed: tuple[str, ...] = ()
    failures: int = 0
    outcome: str = IN_PART
    entry: int | None = None

    @classmethod
    def new(cls, calls: Calls, who: str, until: Any) -> Self:
        return cls(rows=calls.rows, scope=scope(calls), identity=identity(calls), who=who, until=until)

    @classmethod
    def latest(cls, calls: Calls) -> Self | None:
        """The latest run with the same model, filters and receivers."""
        same = {f"selection__{name}": value for name, value in identity(calls).items()}
        entries = Ledger.objects.using(calls.rows.using).filter(verb=Ledger.Verb.BACKFILL, **same)
        entry = entries.order_by("-pk").first()
        if entry is None:
            return None
        stored, model = entry.selection, calls.rows.model
        return cls(
            rows=calls.rows,
            scope=entry.scope,
            identity=identity(calls),
            who=entry.who,
            until=key_of(model, stored["until"]),
            after=key_of(model, stored["after"]) if stored["after"] else None,
            events=entry.count,
            failed=tuple(stored["failed"]),
            failures=stored["failures"],
            outcome=entry.outcome,
            entry=entry.pk,
        )

    @property
    def is_done(self) -> bool:
        return self.outcome == DONE

    def moved(self, after: Any, events: int, failures: Sequence[Failure], *, done: bool) -> Self:
        """The run behind a chunk, stored in the transaction of the chunk. Raises OutboxError where another
        process continues the same run.
        """
        moved = replace(
            self,
            after=after,
            events=self.events + events,
            failed=(*self.failed, *(shown(each.pk) for each in failures))[:NAMED],
            failures=self.failures + len(failures),
            outcome=DONE if done else IN_PART,
        )
        return moved._stored_over(self)

    def _stored_over(self, before: Run) -> Self:
        values = {
            "selection": self._selection(),
            "count": self.events,
            "outcome": self.outcome,
            "reason": self._reason(),
        }
        entries = Ledger.objects.using(self.rows.using)
        if self.entry is None:
            verb = Ledger.Verb.BACKFILL
            entry = entries.create(who=self.who, verb=verb, scope=self.scope, **values)
            return replace(self, entry=entry.pk)
        if not entries.filter(pk=self.entry, selection=before._selection()).update(**values):
            raise OutboxError(
                f"Another process continues the same backfill of {self.rows.label}. This one has written "
                "nothing since then, and ends."
            )
        return self

    def _selection(self) -> dict[str, Any]:
        after = [] if self.after is None else key_text(self.after)
        return {
            **self.identity,
            "after": after,
            "until": key_text(self.until),
            "failed": list(self.failed),
            "failures": self.failures,
        }

    def _reason(self) -> str:
        return f"rows that failed: {self.failures:,} ({'; '.join(self.failed[:20])})" if self.failures else ""


def identity(calls: Calls) -> dict[str, Any]:
    """What two runs must have in common for one to continue the other."""
    return {
        "model": calls.rows.label,
        "filter": sorted(calls.rows.filters),
        "receiver": sorted(calls.names),
        "created": calls.created,
    }


def scope(calls: Calls) -> str:
    """For people: ``shop.Order, status=paid, by shop.receivers.order_saved``."""
    return ", ".join([calls.rows.label, *calls.rows.filters, f"by {' and '.join(calls.names)}"])
