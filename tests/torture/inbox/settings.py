"""Django's settings of the consumers under torture: small polls and little patience give much to hit."""

from __future__ import annotations

import os
from typing import Any

import dj_database_url

from outbox_core.kafka_options import KAFKA_PYTHON

SECRET_KEY = "torture"
INSTALLED_APPS = ["django.contrib.contenttypes", "inbox", "tests.torture.inbox.apps.TortureConfig"]
DATABASE: dict[str, Any] = {**dj_database_url.parse(os.environ["TORTURE_DATABASE_URL"], conn_max_age=60)}
DATABASE["OPTIONS"] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 20_000,
    "application_name": f"torture {os.getpid()}",
}
DATABASES = {"default": DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
CLIENT = os.environ.get("TORTURE_CLIENT", KAFKA_PYTHON)
RECORDS = 40
KAFKA = {
    "BACKEND": CLIENT,
    "OPTIONS": {
        "bootstrap_servers": os.environ.get("TORTURE_BOOTSTRAP_SERVERS", "127.0.0.1:1").split(","),
        **({"max_poll_records": RECORDS} if CLIENT == KAFKA_PYTHON else {}),
        "session_timeout_ms": 6_000,
        "heartbeat_interval_ms": 1_500,
    },
}
INBOX = {
    "CONSUMERS": {
        "torture": {
            "TOPICS": os.environ.get("TORTURE_TOPICS", "-").split(","),
            "GROUP": os.environ.get("TORTURE_GROUP", "torture"),
            "BATCH_SIZE": 25,
            "WORKERS": int(os.environ.get("TORTURE_WORKERS", "1")),
        },
    },
    "ATTEMPTS": 2,
    "HEARTBEAT_SECONDS": 1.0,
    "TRANSACTION_IDLE_SECONDS": 2,
}
