"""What the commands for operations of the inbox share."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from inbox.management.command import InboxCommand
from inbox.operations import selected
from inbox.operations.bulk import operations
from outbox_core.operations.bulk.command import BulkCommand
from outbox_core.operations.bulk.following import FollowingCommand
from outbox_core.operations.bulk.selection import Selection, add_selection


class InboxFollowing(InboxCommand, FollowingCommand):
    """On the database of the inbox."""

    operations = operations

    def add_arguments(self, parser: Any) -> None:
        self.add_database(parser)

    def using(self, options: dict[str, Any]) -> str:
        return self.database(options)


class HeldCommand(BulkCommand, InboxFollowing):
    """Works on held events that are selected by the ids of events."""

    nothing_matches = "No held event matches. Run inbox_status to list what is held."

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        add_selection(parser, id_type=str, id_help="ids of events (ce_id)", metavar="EVENT_ID", consumer=True)

    def possible(self, ids: Collection[str], using: str) -> Iterable[str]:
        return selected.held(Selection(ids=tuple(ids)), using).values_list("event_id", flat=True)

    def why_not(self, id: str, using: str) -> str:
        return f"There is no held event {id}. Run inbox_status to list what is held."
