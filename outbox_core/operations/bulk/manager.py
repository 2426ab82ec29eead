"""The base of ``outbox_operations`` and ``inbox_operations``: what runs, and pause, resume and cancel."""

from __future__ import annotations

import shutil
from typing import Any

from django.core.management.base import CommandError
from django.forms.models import model_to_dict

from outbox_core.operations import actor
from outbox_core.operations.bulk.following import FollowingCommand
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.words import counts, percent, progress, state
from outbox_core.operations.command import json_text, until_reader_leaves
from outbox_core.operations.listing import Listing, render
from outbox_core.operations.report import Table
from outbox_core.people.text import line

SHOWN = 20
HEAD = ["ID", "STATE", "VERB", "SCOPE", "WHO", "DONE", "PROGRESS"]
CHANGES = ("pause", "resume", "cancel")


class ManagingCommand(FollowingCommand):
    """Lists the operations, or changes one of them."""

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", nargs="?", type=int, metavar="ID", help="only this operation")
        change = parser.add_mutually_exclusive_group()
        change.add_argument(
            "--pause", action="store_true", help="begin no more chunks of it until it is resumed"
        )
        change.add_argument(
            "--resume", action="store_true", help="continue one that is paused or failed, and carry it out"
        )
        change.add_argument("--cancel", action="store_true", help="end it; what is done stays done")
        parser.add_argument("--json", action="store_true", help="print the operations as JSON")
        parser.add_argument("--dry-run", action="store_true", help="print the operations, and do nothing")
        parser.add_argument("--user", metavar="USERNAME", help="record it as done for this user")

    def handle(self, *args: object, **options: Any) -> None:
        change = next((name for name in CHANGES if options[name]), None)
        if change and options["id"] is None:
            raise CommandError(f"Say which: an id before --{change}.", returncode=2)
        if change and not options["dry_run"]:
            self._change(change, options)
        self._list(options)
        if change == "resume" and not options["dry_run"]:
            self.judge(self._get(options))

    def _change(self, change: str, options: dict[str, Any]) -> None:
        using, who, pk = self.using(options), actor.of_command(options["user"]), options["id"]
        row = self._get(options)
        if not getattr(self.operations, change)(using, pk, who) and not self._still_runs(change, row):
            raise CommandError(f"Operation {pk} is {row.state}: there is nothing to {change}.", returncode=2)
        if change == "resume":
            self.follow(self._get(options), who, options)

    @staticmethod
    def _still_runs(change: str, row: BulkOperation) -> bool:
        """To resume what runs means to carry it out, too."""
        return change == "resume" and row.state == "running"

    def _get(self, options: dict[str, Any]) -> BulkOperation:
        row: BulkOperation | None = self.operations.rows(self.using(options)).filter(pk=options["id"]).first()
        if row is None:
            raise CommandError(f"There is no operation {options['id']}.", returncode=2)
        return row

    def _list(self, options: dict[str, Any]) -> None:
        rows = (
            [self._get(options)]
            if options["id"] is not None
            else self.operations.rows(self.using(options)).newest(SHOWN)
        )
        with until_reader_leaves():
            if options["json"]:
                self.stdout.write(json_text([self._data(row) for row in rows]))
            else:
                table = Table(HEAD, [self._row(row) for row in rows])
                listing = Listing(tables=[table], empty="There are no operations.", data=None)
                for text in render(listing, shutil.get_terminal_size((80, 24)).columns):
                    self.stdout.write(text)
            self.stdout.flush()

    def _row(self, row: BulkOperation) -> list[str]:
        said = progress(row, self.operations, errors=True)
        done = f"{percent(row)} % ({counts(row)})"
        what = [str(row.pk), state(row, self.operations), row.verb]
        return [*what, line(row.scope, 200), line(row.who, 60), done, said]

    def _data(self, row: BulkOperation) -> dict[str, Any]:
        times = ("began_at", "carried_at", "ended_at")
        data = model_to_dict(row) | {name: getattr(row, name) for name in times}
        concern = self.operations.verb(row).concern(row)
        found = {"concern": concern._asdict() if concern else None}
        return data | {"id": row.pk, "percent": percent(row), "seconds_left": row.seconds_left, **found}
