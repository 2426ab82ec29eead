"""manage.py outbox_events: list the registered events and receivers."""

from __future__ import annotations

from typing import Any

from outbox.errors import OutboxError
from outbox.operations import registered
from outbox_core.operations.listing import Listing, ListingCommand


class Command(ListingCommand):
    help = (
        "List the events of this project: type, version, topic, key and the line that defines them; then the "
        "receivers with their signals and senders. Which events a receiver writes is what its annotation "
        "says. Needs neither Kafka nor the database."
    )
    expected = (OutboxError,)

    def read(self, **options: Any) -> Listing:
        return registered.listing()
