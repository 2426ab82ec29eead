"""The base of the commands that do something to a selection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core.management.base import CommandError

from outbox_core.operations import actor
from outbox_core.operations.bulk.following import FollowingCommand
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import COUNT_UP_TO
from outbox_core.operations.bulk.verb import OfRows, Order
from outbox_core.operations.command import at_a_terminal, until_reader_leaves
from outbox_core.people.humanize import plural
from outbox_core.people.text import line

LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an order selects: the number of rows, and the first of them in words."""

    count: int
    noun: str
    lines: Sequence[str]

    @property
    def is_capped(self) -> bool:
        return self.count > COUNT_UP_TO

    @property
    def words(self) -> str:
        return plural(min(self.count, COUNT_UP_TO), self.noun, capped=self.is_capped)


class BulkCommand(FollowingCommand):
    """Selects, asks for confirmation at a terminal, stores an operation, carries it out with a progress bar,
    and reports. Other processes of its side may carry it out, too.

    Exit codes: 0 done, 1 it failed, skipped rows or was stopped by another person, 2 nothing was selected
    or confirmed, 130 interrupted.
    """

    verb: OfRows
    nothing_matches = ""

    def require(self, order: Order, using: str) -> None:
        """Raise an error of the app for an order that makes no sense, and CommandError if it can be done to
        none of the ids. Where it can be done to some, the others are noted.
        """
        self.verb.check(order, using)
        ids = set(order.selection.ids)
        missing = sorted(ids - set(self.possible(ids, using))) if ids else []
        if not missing:
            return
        why = self.why_not(missing[0], using)
        if len(missing) == len(ids):
            raise CommandError(line(why, 2_000), returncode=2)
        self.stderr.write(line(f"Not held any more: {len(missing):,} of the ids. {why}", 2_000))

    def possible(self, ids: Collection[Any], using: str) -> Iterable[Any]:
        """Those of the ids to which it can be done."""
        return ids

    def why_not(self, id: Any, using: str) -> str:
        """Why it cannot be done to this id, and what to do."""
        return ""

    def select(self, options: dict[str, Any]) -> Selection:
        """What the options select. Raises CommandError if that is nothing."""
        return Selection.of(options)

    def after(self, order: Order, using: str) -> Iterator[str]:
        """What else a person should know when it is done."""
        return iter(())

    def handle(self, *args: object, **options: Any) -> None:
        order, using = self._order(options), self.using(options)
        self.require(order, using)
        preview = self._preview(order, using)
        if not preview.count:
            raise CommandError(self.nothing_matches, returncode=2)
        if options["dry_run"]:
            would = f"Would {self.verb.name} {preview.words}:"
            self._print([would, *self._listed(preview), "Nothing was changed."])
            return
        self._confirm_selection(preview, order.selection, options)
        planned = min(preview.count, COUNT_UP_TO)
        row = self.operations.begin(order, using, planned, capped=preview.is_capped)
        row = self.follow(row, order.who, options)
        listed = self._listed(preview) if preview.count <= LINES else ()
        done = self.verb.outcome(row.done, row.events, row.skipped)
        self._print([*listed, *done, *self.after(order, using)])
        self.judge(row)

    def _order(self, options: dict[str, Any]) -> Order:
        return Order(
            verb=self.verb.name.value,
            selection=self.select(options),
            who=actor.of_command(options["user"]),
            reason=(options.get("reason") or "").strip(),
            rate=options["rate"],
            options=self.verb.options(options),
        )

    def _preview(self, order: Order, using: str) -> Preview:
        rows = self.verb.counted(order, using)
        first = rows.order_by("pk")[:LINES]
        return Preview(
            count=self.operations.planned(order, using, COUNT_UP_TO + 1),
            noun=self.verb.noun,
            lines=[*islice(self.verb.lines(first), LINES)],
        )

    def _confirm_selection(self, preview: Preview, selection: Selection, options: dict[str, Any]) -> None:
        """At a terminal, a selection by filter must be confirmed. A script is not asked."""
        if options["yes"] or selection.ids or not at_a_terminal():
            return
        self._print([*self._listed(preview)])
        self.confirm(f"{self.verb.name.capitalize()} {preview.words}?")

    def _listed(self, preview: Preview) -> Iterator[str]:
        for row in preview.lines:
            yield f"  {row}"
        if preview.count > LINES:
            yield f"  … and {preview.count - LINES:,} more."

    def _print(self, rows: Sequence[str]) -> None:
        with until_reader_leaves():
            for row in rows:
                self.say(row)
            self.stdout.flush()
