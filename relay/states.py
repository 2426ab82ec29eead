"""What a relay says of itself."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """In a word, what the relay does; the same word is in its row of outbox_relay and in its log."""

    STARTING = "starting"
    STANDBY = "standby"
    """Alive, and every shard is owned by another."""
    PUBLISHING = "publishing"
    """Owns a shard, and has nothing in its way."""
    DEGRADED = "degraded"
    """Kafka or PostgreSQL does not answer; nothing is lost, it tries again."""
    STOPPING = "stopping"
