"""How a consumer is doing is written where that is possible, and is never what ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from inbox.conf import ConsumerSettings
from inbox.memory import MemoryLog, MemorySource
from inbox.models import Instance
from inbox.status.consumers import statuses
from inbox.status.heartbeat import Heartbeat
from inbox.status.outages import Outages
from tests.inbox.conftest import without_lag

CONSUMER = ConsumerSettings(name="test", topics=("test",), handlers=("consumers.crm.handlers",))
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def outages() -> Outages:
    return Outages("test")


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(MemoryLog(), ("test",), "test")


@pytest.fixture
def heartbeat(source: MemorySource, outages: Outages) -> Iterator[Heartbeat]:
    heartbeat = Heartbeat("test", source, outages, lambda: 0, every=0.0)
    yield heartbeat
    _set_read_only("off")


def _set_read_only(on_or_off: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET default_transaction_read_only = {on_or_off}")


def test_a_read_only_database_is_waited_for(heartbeat: Heartbeat, outages: Outages) -> None:
    """As while a disk is nearly full, or behind a failover to what is still a standby."""
    _set_read_only("on")
    heartbeat.beat()
    assert "read-only" in outages.detail
    _set_read_only("off")
    heartbeat.beat()
    assert outages.detail == ""
    assert Instance.objects.count() == 1


def test_leaving_a_read_only_database_is_no_error(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    _set_read_only("on")
    heartbeat.stop()
    assert Instance.objects.count() == 1


def test_what_the_source_waits_for_is_for_somebody_to_look_at(
    heartbeat: Heartbeat, source: MemorySource, outages: Outages
) -> None:
    source.lack = "topics that do not exist, or that it may not read: shop.orders"
    outages.begin("Kafka", OSError("gone"))
    heartbeat.beat()
    [status] = statuses([CONSUMER], "default", without_lag())
    assert status.waiting_for == f"Kafka: OSError: gone; {source.lack}"
    source.lack = ""
    outages.end("Kafka")
    heartbeat.beat()
    [status] = statuses([CONSUMER], "default", without_lag())
    assert status.waiting_for == ""
