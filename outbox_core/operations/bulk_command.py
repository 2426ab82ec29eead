"""The base of the commands that do something with a selection, chunk by chunk."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from outbox_core.operations import actor
from outbox_core.operations.bulk import Step, Tally
from outbox_core.operations.command import OperatorCommand, at_a_terminal, until_reader_leaves
from outbox_core.operations.selection import Selection
from outbox_core.people.humanize import plural
from outbox_core.people.text import line
from outbox_core.process.exit_codes import INTERRUPTED

LINES = 20
COUNT_UP_TO = 1_000_000


def tell(stderr: Any, text: str) -> None:
    """To the person who watches, beside the progress bar."""
    with tqdm.external_write_mode():
        stderr.write(line(text, 2_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a selection covers: the number of rows, and the first of them in words."""

    count: int
    noun: str
    lines: Sequence[str]

    @property
    def words(self) -> str:
        return plural(min(self.count, COUNT_UP_TO), self.noun, capped=self.count > COUNT_UP_TO)


class BulkCommand(OperatorCommand):
    """Selects, asks for confirmation at a terminal, works with a progress bar, and reports.

    Exit codes: 0 done, 1 it failed before the end (run it again to continue), 2 nothing was selected or
    confirmed.
    """

    verb = ""
    verb_done = ""
    nothing_matches = ""

    def select(self, options: dict[str, Any]) -> Selection:
        """What the options select. Raises CommandError if that is nothing."""
        return Selection.of(options)

    def interrupted(self, tally: Tally) -> str:
        """What a person who interrupts it should know."""
        return f"Stopped: {self.verb_done} {tally.done:,} so far. Run the command again to continue."

    @abstractmethod
    def preview(self, selection: Selection, options: dict[str, Any]) -> Preview:
        """What would be done. Raises CommandError for ids that do not exist."""

    @abstractmethod
    def steps(self, selection: Selection, who: str, options: dict[str, Any]) -> Iterator[Step]:
        """Do it, one chunk for each step."""

    @abstractmethod
    def outcome(self, tally: Tally, selection: Selection, options: dict[str, Any]) -> Iterator[str]:
        """What was done, in words."""

    def handle(self, *args: object, **options: Any) -> None:
        selection = self.select(options)
        who = actor.of_command(options["user"])
        preview = self.preview(selection, options)
        if not preview.count:
            raise CommandError(self.nothing_matches, returncode=2)
        if options["dry_run"]:
            would = f"Would {self.verb} {preview.words}:"
            self._print([would, *self._listed(preview), "Nothing was changed."])
            return
        self._confirm_selection(preview, selection, options)
        tally = self._work(self.steps(selection, who, options), preview, options)
        self._print(
            [
                *(self._listed(preview) if preview.count <= LINES else ()),
                *self.outcome(tally, selection, options),
            ]
        )

    def note_missing(self, missing: Sequence[Any], selection: Selection, why: str) -> None:
        """Ids that do not exist: an error if none exists, otherwise a note, so that a run can be
        continued.
        """
        if missing and len(missing) == len(set(selection.ids)):
            raise CommandError(line(why, 2_000), returncode=2)
        if missing:
            self.stderr.write(line(f"Not held any more: {len(missing):,} of the ids. {why}", 2_000))

    def _confirm_selection(self, preview: Preview, selection: Selection, options: dict[str, Any]) -> None:
        """At a terminal, a selection by filter must be confirmed. A script is not asked."""
        if options["yes"] or selection.ids or not at_a_terminal():
            return
        self._print([*self._listed(preview)])
        self.confirm(f"{self.verb.capitalize()} {preview.words}?")

    def _work(self, steps: Iterator[Step], preview: Preview, options: dict[str, Any]) -> Tally:
        tally = Tally()
        quiet = None if options.get("verbosity", 1) else True
        try:
            with tqdm(total=preview.count, unit=preview.noun, unit_scale=True, disable=quiet) as progress:
                for step in steps:
                    tally = tally.plus(step)
                    progress.update(step.done + step.skipped)
        except KeyboardInterrupt as error:
            raise CommandError(self.interrupted(tally), returncode=INTERRUPTED) from error
        return tally

    def _listed(self, preview: Preview) -> Iterator[str]:
        for row in preview.lines[:LINES]:
            yield f"  {row}"
        if preview.count > LINES:
            yield f"  … and {preview.count - LINES:,} more."

    def _print(self, rows: Sequence[str]) -> None:
        with until_reader_leaves():
            for row in rows:
                self.say(row)
            self.stdout.flush()
