"""Audit: a relay or the command compares events with Kafka. Only the app relay can; it registers how."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.utils import timezone

from outbox.errors import CodeMissing, OutboxError
from outbox.models import Ledger, Operation, OutboxEvent
from outbox.models.event_queries import OutboxEventQuerySet
from outbox_core.operations.bulk.model import OPEN, BulkOperation, State
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Concern, Order, Outside, Part
from outbox_core.operations.report import State as Status
from outbox_core.people.humanize import plural
from outbox_core.people.text import line

CLOCKS = timedelta(minutes=10)
"""The most by which the times of events may be out of the order of their ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Up to when Kafka has deleted events of a topic, and why; None: nothing. ``trouble``: it is not
    known.
    """

    topic: str
    before: datetime | None = None
    why: str = ""
    trouble: str = ""


class Auditor(Protocol):
    """What compares both sides."""

    def work(self, row: BulkOperation, using: str) -> Part:
        """As ``Outside.work``."""

    def forget(self, row: BulkOperation, using: str) -> None:
        """As ``Outside.forget``."""

    def deleted(self, topics: Collection[str], seconds: float) -> Sequence[Deleted]:
        """What Kafka does not keep of these topics, asked for about so many seconds."""


_auditors: list[Auditor] = []


def register(auditor: Auditor) -> None:
    """Register what compares; a later one replaces it."""
    _auditors[:] = [auditor]


def auditor() -> Auditor:
    """Raises CodeMissing where the app ``relay`` is not installed."""
    if not _auditors:
        raise CodeMissing("The app relay is not installed here, and only it reads Kafka.")
    return _auditors[0]


class Audit(Outside):
    """Compares the events of a range of time, in parts of some topics each. The option ``left`` has the parts
    that are not finished, None until the log was read once. ``counted`` is how many events of the first of
    them are counted already; whoever begins it again takes them back. ``said``, ``first``, ``findings`` and
    ``certain`` are the result of the finished parts. The last one is how many differences are certain.
    """

    name = Ledger.Verb.AUDIT
    past, noun, id_name, before = "Compared", "event", "event", ""
    failed = "different"
    permission = "outbox.audit_event"
    effect = (
        "A relay reads these events, and their topics in Kafka, and compares both. It changes nothing, and "
        "sending does not wait for it."
    )

    def check(self, order: Order, using: str) -> None:
        """One at a time: each needs memory, and reads the same."""
        row = Operation.objects.using(using).filter(verb=self.name, state__in=OPEN).order_by("pk").first()
        if row is not None:
            raise OutboxError(
                f"Operation {row.pk} is an audit already: it is {row.state}. Wait for it, or end it: "
                f"manage.py outbox_operations {row.pk} --cancel"
            )

    def extent(self, order: Order, using: str) -> tuple[int, int]:
        return 0, 1

    def scope(self, order: Order) -> str:
        return words(order.selection, order.options["topics"])

    def stored_selection(self, order: Order) -> dict[str, Any]:
        topics = order.options["topics"]
        return {**super().stored_selection(order), **({"topic": topics} if topics else {})}

    def place(self, row: BulkOperation) -> str:
        return line(row.options["at"], 200)

    def failures(self, row: BulkOperation) -> Iterator[str]:
        return iter(row.options["first"])

    def result(self, row: BulkOperation) -> Iterator[str]:
        return iter(row.options["said"])

    def concern(self, row: BulkOperation) -> Concern | None:
        """As bad as the exit code of the command ``outbox_audit``."""
        if row.events:
            is_certain = bool(row.options.get("certain", row.events))
            found = Status.DIFFERENT if is_certain else Status.NOT_PROVED
            return Concern(plural(row.events, "difference"), found)
        if row.state == State.DONE and not row.done:
            return Concern("nothing compared", Status.NOT_PROVED)
        return None

    def outcome(self, done: int, events: int, skipped: int) -> Iterator[str]:
        different = plural(events, "difference") if events else "no difference"
        if done or events:
            yield f"Compared {plural(done, 'event')}: {different}."
        else:
            yield "Nothing was compared: both sides together keep no published event of this range."

    def belongs_elsewhere(self, error: Exception) -> bool:
        """Another process may have the app relay."""
        return isinstance(error, CodeMissing)

    def work(self, row: BulkOperation, using: str) -> Part:
        return auditor().work(row, using)

    def forget(self, row: BulkOperation, using: str) -> None:
        if _auditors:
            auditor().forget(row, using)


def order(
    selection: Selection, topics: Sequence[str], who: str, *, reason: str = "", rate: float | None = None
) -> Order:
    """To compare the events of these times and topics; of all topics if there are none."""
    progress: Mapping[str, Any] = {"left": None, "counted": 0, "at": ""}
    result: Mapping[str, Any] = {"said": [], "first": [], "findings": None}
    return Order(
        verb=Audit.name.value,
        selection=selection,
        who=who,
        reason=reason,
        rate=rate,
        options={"topics": sorted(topics), **progress, **result},
    )


def events(order: Order, using: str) -> OutboxEventQuerySet:
    """The events of the range, whatever their status."""
    rows, chosen = OutboxEvent.objects.using(using), order.selection
    if chosen.since is not None:
        after = rows.last_id_before(chosen.since - CLOCKS)
        rows = rows.filter(pk__gt=after, created_at__gte=chosen.since)
    if chosen.until is not None:
        last = rows.last_id_before(chosen.until + CLOCKS)
        rows = rows.filter(pk__lte=last, created_at__lt=chosen.until)
    return rows.filter(topic__in=order.options["topics"]) if order.options["topics"] else rows


def words(selection: Selection, topics: Sequence[str]) -> str:
    """For people: ``events of shop.orders, since …, until …``."""
    of = line(" and ".join(topics), 200) if topics else "all topics"
    times = (("since", selection.since), ("until", selection.until))
    given = [f"{name} {shown_time(at)}" for name, at in times if at is not None]
    return ", ".join([f"events of {of}", *given])


def shown_time(moment: datetime) -> str:
    """In the time zone of the project."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"
