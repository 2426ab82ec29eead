"""The states of a relay."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What the relay does. The same word is in its row of outbox_relay and in its log."""

    STARTING = "starting"
    STANDBY = "standby"
    """Alive; other relays own all shards."""
    PUBLISHING = "publishing"
    """Owns a shard and publishes its events."""
    DEGRADED = "degraded"
    """Kafka or PostgreSQL does not answer. Nothing is lost; the relay retries."""
    STOPPING = "stopping"
