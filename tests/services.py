"""The services of this run: chosen once, when the first conftest is loaded, and started by who needs them.

Side by side (pytest -n 2), every worker has a PostgreSQL of its own, because transaction ids belong to a
whole server and many tests count them. All workers share one Kafka, which the first process starts for them.
"""

from __future__ import annotations

import os
from functools import cache

import pytest

import devstack
import devstack.kafka
import devstack.postgres

STAND_IN = "needs Apache Kafka itself; this run has a stand-in, because Java or Maven is missing"
NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
"""What unit tests get: the settings can be read, and nothing answers there."""
POSTGRES_EACH = "TESTS_POSTGRES_EACH"
KAFKA_IS_STAND_IN = "TESTS_KAFKA_IS_STAND_IN"


@cache
def chosen() -> devstack.Stack:
    """The services, not yet started; DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS are honoured."""
    if "DATABASE_URL" not in os.environ:
        os.environ[POSTGRES_EACH] = "1"
    elif is_worker() and POSTGRES_EACH in os.environ:
        del os.environ["DATABASE_URL"]  # that of the process that started us
    return devstack.Stack()


def is_worker() -> bool:
    """Whether this is one of several processes that run tests, and not the one that started them."""
    return "PYTEST_XDIST_WORKER" in os.environ


def start_shared() -> None:
    """Start what all workers share, and leave word for them. Called by the process that starts them."""
    start(chosen().kafka)
    if not chosen().kafka.is_real:
        os.environ[KAFKA_IS_STAND_IN] = "1"


def kafka_is_real() -> bool:
    return chosen().kafka.is_real and KAFKA_IS_STAND_IN not in os.environ


def start(server: devstack.postgres.Server | devstack.kafka.Server) -> None:
    """Start one of them; without it the run cannot continue."""
    try:
        server.start()
    except devstack.DevstackError as error:
        pytest.exit(f"devstack: {error}", returncode=1)
