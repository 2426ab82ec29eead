"""The shop with a relay and a consumer of little patience. The processes of a game day run with it."""

from __future__ import annotations

import os

from tests.game_day.names import CONSUMER
from tests.inbox.settings import INBOX as PLAIN
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

RELAY = {
    "LEASE_SECONDS": 3,
    "BACKOFF_SECONDS": 0.3,
    "TOPIC_RETRY_SECONDS": 1,
    "TOPIC_GRACE_SECONDS": 0.5,
    "GROUPS_SECONDS": None,
    "DELIVERY_SECONDS": 5,
    "AUDIT_SECONDS": 1 if "GAME_DAY_AUDIT" in os.environ else None,
}
INSTALLED_APPS = [*INSTALLED_APPS, "tests.game_day"]


def inbox_of(topic: str) -> dict[str, object]:
    """``INBOX`` of a consumer that reads this topic."""
    reads = {"TOPICS": [topic], "GROUP": topic, "HANDLERS": ["tests.game_day.handlers"]}
    return {**PLAIN, "HEARTBEAT_SECONDS": 0.5, "ATTEMPTS": 2, "CONSUMERS": {CONSUMER: reads}}


INBOX = inbox_of(os.environ.get("GAME_DAY_TOPIC", "game-day"))
