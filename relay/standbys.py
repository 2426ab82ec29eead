"""Relays that have nothing to publish, because there are more of them than shards."""

from __future__ import annotations

import logging
from contextlib import suppress

from django.db import DatabaseError, InterfaceError, connections

from outbox.models import Shard

logger = logging.getLogger("relay")


def log_standbys(alias: str, relays: int) -> None:
    """Log how many of so many relays stand by, if any. A database that does not answer now is no error."""
    with suppress(DatabaseError, InterfaceError):
        shards = Shard.objects.using(alias).count()
        if 0 < shards < relays:
            logger.info(
                "Processes: %d, shards: %d. A shard has one owner, so the other processes (%d) stand by. "
                "outbox_shards %d divides the log for all of them.",
                *(relays, shards, relays - shards, relays),
                extra={"action": "relay.standbys", "processes": relays, "shards": shards},
            )
    connections[alias].close()
