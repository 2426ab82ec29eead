"""Django's settings of the relays under torture: short leases and small pages give much to hit."""

from __future__ import annotations

import os

import dj_database_url

SECRET_KEY = "torture"
INSTALLED_APPS = ["django.contrib.contenttypes", "outbox", "relay"]
DATABASES = {"default": dj_database_url.parse(os.environ["TORTURE_DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
OUTBOX = {"SOURCE": "/torture"}
KAFKA = {
    "BACKEND": os.environ.get("TORTURE_CLIENT", "kafka-python"),
    "OPTIONS": {
        "bootstrap_servers": os.environ.get("TORTURE_BOOTSTRAP_SERVERS", "127.0.0.1:1").split(","),
        "request_timeout_ms": 5_000,
    },
}
RELAY = {
    "DELIVERY_SECONDS": 10.0,
    "LEASE_SECONDS": 3.0,
    "PAGE_ROWS": 100,
    "PAGE_BYTES": 200_000,
    "STATEMENT_SECONDS": 5.0,
    "TOPIC_GRACE_SECONDS": 2.0,
    "TOPIC_RETRY_SECONDS": 1.0,
}
