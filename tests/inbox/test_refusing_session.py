"""A session in which the statements of the inbox itself fail is given up, also if it still answers: a new
one may work, as after a failover to another server.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from inbox.models import Instance
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, execute, send_steps

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def consumer(effects: Effects) -> Iterator[MemoryConsumer]:
    """One that has handled an event, and keeps its connection."""
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    send_steps(consumer, "a", 1)
    consumer.poll()
    connection.close_at = None
    yield consumer
    connection.close()


@pytest.mark.parametrize(
    "way",
    [
        "SET default_transaction_read_only = on",  # as a primary that is a standby now
        "SET search_path = pg_temp",  # as a function may leave it
    ],
)
def test_new_events_are_handled(consumer: MemoryConsumer, effects: Effects, way: str) -> None:
    execute(way)
    send_steps(consumer, "a", 2)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([1, 2], [1])


def test_the_heartbeat_is_written(consumer: MemoryConsumer) -> None:
    Instance.objects.all().delete()
    execute("SET default_transaction_read_only = on")
    for _ in range(3):
        consumer.retry()
    assert Instance.objects.get().state == Instance.State.RUNNING
