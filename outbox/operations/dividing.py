"""Divide the log: into another number of shards, at once or when few events are left to publish."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models.functions import Now

from outbox.errors import NotGranted, OutboxError
from outbox.log import privileges, proof
from outbox.log.history import refuse_another_history
from outbox.models import Ledger, Operation
from outbox.operations.resharding import merges, ranges_of, reshard, waiting
from outbox_core.database import by_index
from outbox_core.operations.bulk.model import OPEN, BulkOperation, State
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import Step
from outbox_core.operations.bulk.verb import Order, Outside, Part
from outbox_core.people.humanize import amount, plural

MOST = 10_000
"""The most unpublished events that are renumbered while the relays wait, unless a person wants it at once."""
LOOK_SECONDS = 2.0
NEEDS = {**privileges.SHARDS, "outbox_operation": "SELECT, UPDATE"}


class Reshard(Outside):
    """Divides the buckets evenly among ``count`` shards, in one transaction. Before it merges shards, it
    waits until at most ``most`` events are not published; None: it does not wait. ``waiting`` is how many
    these were.
    """

    name = Ledger.Verb.RESHARD
    past, noun, id_name, before = "Divided the log into", "shard", "shard", ""
    permission = "outbox.reshard"
    effect = "The relays give up their shards and take the new ones, within seconds. Writers notice nothing."

    def check(self, order: Order, using: str) -> None:
        """One at a time."""
        try:
            ranges_of(order.options["count"])
        except ValueError as error:
            raise OutboxError(str(error)) from error
        with by_index(using):
            refuse_another_history(using)
        row = unfinished(using)
        if row is not None:
            raise OutboxError(
                f"Operation {row.pk} divides the log into {row.options['count']} shards: it is {row.state}. "
                f"Wait for it, or end it: manage.py outbox_operations {row.pk} --cancel"
            )

    def extent(self, order: Order, using: str) -> tuple[int, int]:
        return 0, 1

    def scope(self, order: Order) -> str:
        return f"into {plural(order.options['count'], 'shard')}"

    def stored_selection(self, order: Order) -> dict[str, Any]:
        return {}

    def meanwhile(self, row: BulkOperation) -> str:
        left = row.options["waiting"]
        if not left:
            return ""
        return (
            f"It waits for the relays: {left} are not published yet. With {amount(row.options['most'])} or "
            "fewer, it divides the log."
        )

    def outcome(self, done: int, events: int, skipped: int) -> Any:
        yield f"Divided the log into {plural(done, 'shard')}."
        if events:
            yield f"Renumbered: {plural(events, 'event')}, not published yet."

    def belongs_elsewhere(self, error: Exception) -> bool:
        """A relay may not have the privileges, because it does not need them otherwise."""
        return isinstance(error, NotGranted)

    def work(self, row: BulkOperation, using: str) -> Part:
        count, most = row.options["count"], row.options["most"]
        if most is not None and merges(using, count):
            left = waiting(using)
            if left.capped or left.number > most:
                options = {
                    **row.options,
                    "waiting": left.words("event") if left.number else "very many events",
                }
                return Part(Step(done=0, after=row.after, wait=LOOK_SECONDS), {"options": options})
        _require_privileges(using)
        begin, end = partial(_begin, row, using), partial(_end, row, using)
        change = reshard(using, count, who=row.who, reason=row.reason, begin=begin, end=end)
        return Part(Step(done=0, after=1, last=True, events=change.renumbered), {})

    def forget(self, row: BulkOperation, using: str) -> None:
        """Nothing is in memory."""


def order(count: int, who: str, *, reason: str = "", most: int | None = None) -> Order:
    """To divide the log into so many shards."""
    options = {"count": count, "most": most, "waiting": ""}
    return Order(
        verb=Reshard.name.value, selection=Selection(all=True), who=who, reason=reason, options=options
    )


def unfinished(using: str) -> Operation | None:
    """The one that is not done yet."""
    rows = Operation.objects.using(using).filter(verb=Reshard.name, state__in=OPEN)
    found: Operation | None = rows.order_by("pk").first()
    return found


def _require_privileges(using: str) -> None:
    """Raise NotGranted before the relays lose their shards for nothing."""
    found = proof.facts(proof.through(using), NEEDS)
    remedies = [refusal.remedy for refusal in proof.blind(found)] if found else []
    if remedies:
        raise NotGranted(f"This database role may not divide the log. {' '.join(remedies)}")


def _begin(row: BulkOperation, using: str) -> None:
    """Lock its row. Otherwise another process would take it over from one that renumbers for long, and each
    would take the shards from the other. Pausing and cancelling it wait for the lock.
    """
    ours = Operation.objects.using(using).filter(pk=row.pk, state=State.RUNNING)
    if ours.select_for_update(no_key=True, of=("self",)).first() is None:
        raise OutboxError(f"Operation {row.pk} does not run any more.")


def _end(row: BulkOperation, using: str, entry: int, renumbered: int) -> None:
    """It is done with the deed, in one transaction. So it is never done twice, nor after it was cancelled."""
    ours = Operation.objects.using(using).filter(pk=row.pk)
    done = {"done": row.options["count"], "events": renumbered, "after": 1, "error": "", "failures": 0}
    ours.update(state=State.DONE, ended_at=Now(), carried_at=Now(), ledger=entry, **done)
