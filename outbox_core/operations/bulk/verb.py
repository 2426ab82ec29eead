"""What can be done to many rows: a verb, and an order to do it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.db.models import Model, QuerySet

from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import SCAN, Change, Step
from outbox_core.operations.ledger import LedgerEntry
from outbox_core.operations.report import State
from outbox_core.people.humanize import amount, plural

if TYPE_CHECKING:
    from outbox_core.operations.bulk.model import BulkOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """To do ``verb`` to what is selected. ``rate``: at most so many rows a second. ``options`` are those of
    the verb.
    """

    verb: str
    selection: Selection
    who: str
    reason: str = ""
    rate: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class Concern(NamedTuple):
    """What of a result a person should look at: ``2 differences``, and the state that a report has then."""

    words: str
    state: State


class Verb(ABC):
    """Something that an operation does: ``Chunked``, or ``Outside`` of transactions."""

    name: ClassVar[LedgerEntry.Verb]
    past: ClassVar[str]
    """Released"""
    noun: ClassVar[str]
    """What it counts: ``hold`` or ``event``."""
    id_name: ClassVar[str]
    """What the ids of a selection are, for the ledger."""
    before = "held"
    """The state before it, for the ledger."""
    permission: ClassVar[str]
    """What a user of the admin needs."""
    effect: ClassVar[str]
    """What happens, in sentences."""
    then = ""
    """What happens after it: ``: the relays publish …``. It may name ``{events}``."""
    skipped = ""
    """Why a row may be skipped."""
    failed = "failed"
    """What ``failures`` are."""
    nothing = "nothing matches any more"
    """Why nothing may be left to do."""
    needs_reason = False
    quotes_rows = False
    """Whether its errors can have data of rows, so that only those who may see payloads see their texts."""

    @abstractmethod
    def check(self, order: Order, using: str) -> None:
        """Raise an error of the app for an order that makes no sense."""

    @abstractmethod
    def extent(self, order: Order, using: str) -> tuple[int, int]:
        """Behind which number it begins, and the last one that belongs to it."""

    def place(self, row: BulkOperation) -> str:
        """The last thing that is done, such as ``row 17``; empty if that says nothing."""
        return ""

    def failures(self, row: BulkOperation) -> Iterator[str]:
        """What failed and was skipped, in sentences. There may be more."""
        return iter(())

    def meanwhile(self, row: BulkOperation) -> str:
        """What a running one waits for, in a sentence."""
        return ""

    def result(self, row: BulkOperation) -> Iterator[str]:
        """What it found so far, in sentences without data of rows."""
        return iter(())

    def concern(self, row: BulkOperation) -> Concern | None:
        """What of its result so far is not good: rows to which it was not done."""
        return Concern(f"{amount(row.skipped)} skipped", State.INCOMPLETE) if row.skipped else None

    def belongs_elsewhere(self, error: Exception) -> bool:
        """Whether another process may do what failed here, because it has other code or another role."""
        return False

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options of this verb among what a command or a form was given."""
        return {}

    def scope(self, order: Order) -> str:
        """For people, what it is done to."""
        return f"{self.noun}s: {order.selection.words}"

    def stored_selection(self, order: Order) -> dict[str, Any]:
        """For the ledger, what it is done to."""
        return order.selection.as_json(self.id_name)

    def outcome(self, done: int, events: int, skipped: int) -> Iterator[str]:
        """What was done, in sentences."""
        if done:
            then = self.then.format(events=plural(events, "event"))
            yield f"{self.past} {plural(done, self.noun)}{then}."
        if skipped:
            yield f"Not {self.past.lower()}: {plural(skipped, self.noun)}, {self.skipped}."
        if not done and not skipped:
            yield f"Nothing was {self.past.lower()}: {self.nothing}."


class Chunked(Verb):
    """Is done a chunk in each transaction. Any process can do the next one."""

    @abstractmethod
    def step(self, row: BulkOperation, using: str, size: int) -> Step:
        """Do a chunk of up to ``size``, in the current transaction."""


class Part(NamedTuple):
    """A part that was done, and the columns of the operation that it changes."""

    step: Step
    values: Mapping[str, Any]


class Outside(Verb):
    """Works for other systems than the database, so it may have to wait, and not within a transaction. One
    process does it for as long as it says so, because it has in memory what is not finished.
    """

    @abstractmethod
    def work(self, row: BulkOperation, using: str) -> Part:
        """Do what takes about half a second. No transaction is open."""

    @abstractmethod
    def forget(self, row: BulkOperation, using: str) -> None:
        """Drop what is in memory: it ends, or another process does it."""


class OfRows(Chunked):
    """Walks through the rows of a table in the order of their primary keys, and changes those that an order
    selects.
    """

    @abstractmethod
    def table(self, using: str) -> QuerySet[Any]:
        """The rows that it walks through."""

    @abstractmethod
    def chosen(self, order: Order, using: str) -> QuerySet[Any]:
        """Those that the order selects, as they are now."""

    def counted(self, order: Order, using: str) -> QuerySet[Any]:
        """Those that a preview counts and shows."""
        return self.chosen(order, using)

    @abstractmethod
    def change(self, ids: Sequence[int], order: Order, using: str) -> Change:
        """Change these rows, in the current transaction."""

    @abstractmethod
    def lines(self, rows: QuerySet[Any], *, errors: bool = True) -> Iterator[str]:
        """Some rows in words, for a preview. ``errors``: with texts that can quote payloads."""

    @abstractmethod
    def parse_id(self, text: str) -> Any:
        """An id of a selection. Raises ValueError if it is none."""

    def extent(self, order: Order, using: str) -> tuple[int, int]:
        rows = self.table(using)
        return before_first(rows), last_row(rows)

    def step(self, row: BulkOperation, using: str, size: int) -> Step:
        return self.chunk(row.order, using, row.after, row.until, size)

    def chunk(self, order: Order, using: str, after: int, until: int, size: int) -> Step:
        """Change up to ``size`` rows behind ``after``, up to ``until``."""
        upto = until if order.selection.ids else self._scanned(using, after, until)
        found = self.chosen(order, using).filter(pk__gt=after, pk__lte=upto).order_by("pk")
        ids = list(found.values_list("pk", flat=True)[:size])
        upto = ids[-1] if len(ids) == size else upto
        done, events, skipped = self.change(ids, order, using) if ids else Change(0, 0)
        return Step(done=done, after=upto, last=upto >= until, events=events, skipped=skipped)

    def _scanned(self, using: str, after: int, until: int) -> int:
        """How far a chunk looks: a rare match must not make it read the whole table."""
        rows = self.table(using).filter(pk__gt=after, pk__lte=until).order_by("pk")
        return next(iter(rows.values_list("pk", flat=True)[SCAN - 1 : SCAN]), until)


def before_first(rows: QuerySet[Model]) -> int:
    """The number behind which the first primary key comes, 0 without rows."""
    return int(rows.order_by("pk").values_list("pk", flat=True).first() or 1) - 1


def last_row(rows: QuerySet[Model]) -> int:
    """The largest primary key, 0 without rows."""
    return int(rows.order_by("-pk").values_list("pk", flat=True).first() or 0)
