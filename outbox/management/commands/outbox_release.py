"""manage.py outbox_release: publish what waits behind holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.core.management.base import CommandParser

from outbox.management.bulk import OutboxFollowing
from outbox.models import Hold
from outbox.operations.bulk import RELEASE
from outbox_core.operations.bulk.command import BulkCommand
from outbox_core.operations.bulk.selection import add_selection


class Command(BulkCommand, OutboxFollowing):
    help = (
        "Publish the events that wait behind holds, in order, and end the holds. outbox_status lists them. "
        "If it is interrupted, outbox_operations continues it. Exit codes: 0 done, 1 failed, 2 nothing "
        "matches or is confirmed, 130 interrupted."
    )
    verb = RELEASE
    nothing_matches = "No hold matches. Run outbox_status to list what is held."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        reasons = [reason for reason in Hold.Reason.values if reason != Hold.Reason.PAUSED]
        add_selection(parser, id_type=int, id_help="ids of holds", metavar="HOLD", causes=reasons)

    def possible(self, ids: Collection[int], using: str) -> Iterable[int]:
        return Hold.objects.using(using).filter(pk__in=ids).values_list("pk", flat=True)

    def why_not(self, id: int, using: str) -> str:
        return f"There is no hold {id}. Run outbox_status to list what is held."
