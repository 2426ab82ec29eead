"""manage.py outbox_index: make or remove an optional index for the search of events."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandParser

from outbox.log import privileges
from outbox.management.operator import OutboxCommand
from outbox.search import indexes
from outbox.search.indexes import INDEXES, SearchIndex
from outbox_core.people.humanize import amount, duration

BYTES_OF_AN_ENTRY = {"key": 45, "correlation": 70, "trace": 70}
"""Measured at 3,000,000 events with short keys, 15 events for each; rounded up."""


class Command(OutboxCommand):
    needs = privileges.STATUS
    help = (
        "Make an optional index, with which the admin finds events by key, correlation id or trace id, "
        "however old they are. Writers and relays continue meanwhile; it waits for open transactions. An "
        "invalid index that an interrupted run has left is removed first. It costs disk space and makes each "
        "event a little slower to write; --drop removes it. Its role must own the table outbox_event. "
        "Exit codes: 0 done or there already, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("kind", metavar="KIND", choices=tuple(INDEXES), help="key, correlation or trace")
        parser.add_argument("--drop", action="store_true", help="remove it")
        parser.add_argument("--dry-run", action="store_true", help="print what it would cost, and do nothing")

    def handle(self, *, kind: str, database: str, drop: bool, dry_run: bool, **_: Any) -> None:
        index = INDEXES[kind]
        if dry_run:
            self.say(self._would(database, index, drop=drop))
        elif drop:
            gone = indexes.drop(database, index)
            self.say(f"Removed index {index.name}." if gone else f"There is no index {index.name}.")
        else:
            self._make(database, index)

    def _make(self, database: str, index: SearchIndex) -> None:
        began = time.monotonic()
        if not indexes.is_there(database, index):
            self.say(self._would(database, index, drop=False).replace("Would make", "Making"))
        made = indexes.create(database, index)
        size = _megabytes(indexes.size(database, index))
        took = f"Made index {index.name} in {duration(time.monotonic() - began)}"
        self.say(
            f"{took if made else f'Index {index.name} is there'}: {size}. The search uses it from now on."
        )

    def _would(self, database: str, index: SearchIndex, *, drop: bool) -> str:
        if drop:
            size = _megabytes(indexes.size(database, index))
            return f"Would remove index {index.name}: {size}."
        rows = indexes.rows(database)
        size = _megabytes(rows * BYTES_OF_AN_ENTRY[index.kind])
        return f"Would make index {index.name} over about {amount(rows)} events: about {size} of disk."


def _megabytes(size: int) -> str:
    return f"{amount(round(size / 1_000_000, 1))} MB"
