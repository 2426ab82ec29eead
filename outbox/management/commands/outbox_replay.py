"""manage.py outbox_replay: have the relays send published events again."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.core.management.base import CommandParser

from outbox.management.bulk import OutboxFollowing
from outbox.management.operator import topic_name
from outbox.operations import replaying
from outbox.operations.bulk import REPLAY
from outbox_core.operations.bulk.command import BulkCommand
from outbox_core.operations.bulk.selection import add_filters
from outbox_core.operations.bulk.verb import Order


class Command(BulkCommand, OutboxFollowing):
    help = (
        "Send published events again, in order for each key, with the same ids and the header ce_replay. "
        "The relays send them. Consumers skip them, unless a handler has replays=True or the consumer runs "
        "with --apply-replays. Only events that the outbox still has can be sent again. "
        "If it is interrupted, outbox_operations continues it. "
        "Exit codes: 0 done, 1 failed or events were skipped, 2 nothing matches or is confirmed, 130 "
        "interrupted."
    )
    verb = REPLAY
    nothing_matches = "No published event matches. The outbox keeps them until outbox_prune deletes them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_filters(
            parser,
            id_type=UUID,
            id_help="ids of events (ce_id)",
            metavar="EVENT_ID",
            what="published",
            time="created",
        )
        parser.add_argument(
            "--to", type=topic_name, metavar="TOPIC", help="send them to this topic instead of their own"
        )
        parser.add_argument("--id", default="", help="the id of the replay (default: a new one)")
        parser.add_argument("--reason", default="", help="why; it is kept in the ledger")

    def require(self, order: Order, using: str) -> None:
        super().require(order, using)
        own = self.verb.counted(order, using).filter(headers__has_key="replay").first()
        if own is not None:
            replaying.refuse_own(own)

    def after(self, order: Order, using: str) -> Iterator[str]:
        yield f"Consumers know it as replay {order.options['id']}."
