"""The topics that this project's events go to."""

from __future__ import annotations

from outbox.conf import settings
from outbox.write.registry import registry


def registered() -> list[str]:
    """Every topic of a registered event type, as Kafka knows it: with ``OUTBOX["TOPIC_PREFIX"]``."""
    return sorted({settings().topic_prefix + event_type.topic for event_type in registry})
