"""The settings of a consumer with WORKERS (from the environment), whose handlers do what its events say."""

from __future__ import annotations

import os

from tests.inbox.killed import *  # noqa: F403
from tests.inbox.killed import INBOX, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.inbox.labour"]
INBOX = {
    **INBOX,
    "HEARTBEAT_SECONDS": 0.5,
    "TRANSACTION_IDLE_SECONDS": 60,
    "CONSUMERS": {
        "crm": {
            "TOPICS": ["shop.orders"],
            "HANDLERS": ["tests.inbox.labour.handlers"],
            "WORKERS": int(os.environ.get("WORKERS", "3")),
            "BATCH_SIZE": int(os.environ.get("BATCH", "50")),
        },
    },
}
