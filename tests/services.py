"""The services of this run: chosen once, when the first conftest is loaded, and started by who needs them."""

from __future__ import annotations

from functools import cache

import pytest

import devstack
import devstack.kafka
import devstack.postgres

STAND_IN = "needs Apache Kafka itself; this run has a stand-in, for want of Java or Maven"


@cache
def chosen() -> devstack.Stack:
    """The services, not yet started; DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS are honoured."""
    return devstack.Stack()


def own_postgres() -> devstack.postgres.Cluster | None:
    """The PostgreSQL of this run, to be stopped and killed, unless it belongs to somebody else."""
    server = chosen().postgres
    return server if isinstance(server, devstack.postgres.Cluster) else None


def start(server: devstack.postgres.Server | devstack.kafka.Server) -> None:
    """Start one of them; without it there is no point in going on with the run."""
    try:
        server.start()
    except devstack.DevstackError as error:
        pytest.exit(f"devstack: {error}", returncode=1)
