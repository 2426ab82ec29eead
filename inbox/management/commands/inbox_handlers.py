"""manage.py inbox_handlers: list the consumers and the registered handlers."""

from __future__ import annotations

from typing import Any

from inbox.errors import InboxError
from inbox.operations import registered
from outbox_core.operations.listing import Listing, ListingCommand


class Command(ListingCommand):
    help = (
        "List the consumers of this project with group, topics and database; then the handlers with their "
        "event type, the consumers that run them, and the line that defines them. Needs neither Kafka nor "
        "the database."
    )
    expected = (InboxError,)

    def read(self, **options: Any) -> Listing:
        return registered.listing()
