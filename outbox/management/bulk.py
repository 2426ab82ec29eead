"""What the commands for operations of the outbox share."""

from __future__ import annotations

from typing import Any

from outbox.management.operator import OutboxCommand
from outbox.operations.bulk import operations
from outbox_core.operations.bulk.following import FollowingCommand


class OutboxFollowing(OutboxCommand, FollowingCommand):
    """On the database of --database."""

    operations = operations

    def using(self, options: dict[str, Any]) -> str:
        return str(options["database"])
