"""The services of this run: chosen once, when the first conftest is loaded, and started by who needs them."""

from __future__ import annotations

from functools import cache

import pytest

import devstack
import devstack.kafka
import devstack.postgres

STAND_IN = "needs Apache Kafka itself; this run has a stand-in, because Java or Maven is missing"
NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
"""What unit tests get: the settings can be read, and nothing answers there."""


@cache
def chosen() -> devstack.Stack:
    """The services, not yet started; DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS are honoured."""
    return devstack.Stack()


def kafka_is_real() -> bool:
    return chosen().kafka.is_real


def start(server: devstack.postgres.Server | devstack.kafka.Server) -> None:
    """Start one of them; without it the run cannot continue."""
    try:
        server.start()
    except devstack.DevstackError as error:
        pytest.exit(f"devstack: {error}", returncode=1)
