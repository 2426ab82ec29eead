"""Filters for the outbox's templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outbox_core.people.filters import library

if TYPE_CHECKING:
    from outbox.status import RelayReport, ShardReport, Status

register = library()


@register.filter
def owned_by(status: Status, relay: RelayReport) -> list[ShardReport]:
    """The shards that this relay owns."""
    return [shard for shard in status.shards if shard.owner == relay.id]
