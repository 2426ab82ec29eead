"""The verbs as the relay understands them: what is released comes in order, what is discarded never."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from outbox import status
from outbox.models import Hold, OutboxEvent
from outbox.operations import pausing
from outbox_core.operations.bulk.selection import Selection
from tests.people.orders import do
from tests.relay.conftest import Desk, Writer, desk, nothing_before, writer

__all__ = ["desk", "nothing_before", "writer"]


@pytest.fixture(autouse=True)
def empty(transactional_db: None) -> None:
    """Without what the shop emits when it is migrated."""
    OutboxEvent.objects.all().delete()


def statuses() -> list[str]:
    return [event.status for event in OutboxEvent.objects.with_status().order_by("pk")]


def test_a_paused_topic_waits_and_comes_in_order_when_it_is_resumed(
    desk: Callable[..., Desk], writer: Callable[[], Writer]
) -> None:
    office, w = desk(), writer()
    with transaction.atomic():
        pausing.pause("t", "default", any_topic=True)
    w.insert("a", 3)
    w.insert("b", topic="other")
    w.commit()
    assert office.drain() == ["b:1"]
    assert statuses() == ["held", "held", "held", "published"]
    assert (status.read().held, status.read().pending) == (3, 0)
    second = Selection(ids=(OutboxEvent.objects.order_by("pk")[1].event_id,))
    assert do("discard", second).done == 1
    with transaction.atomic():
        pausing.resume("t", "default")
    w.insert("a")
    w.commit()
    assert office.drain() == ["a:1", "a:3", "a:4"]
    assert statuses() == ["published", "discarded", "published", "published", "published"]
    assert not Hold.objects.exists()
    assert status.read().held == 0


def test_a_topic_paused_again_while_it_is_being_released_stays_paused(
    desk: Callable[..., Desk], writer: Callable[[], Writer]
) -> None:
    office, w = desk(), writer()
    with transaction.atomic():
        pausing.pause("t", "default", any_topic=True)
    w.insert("a")
    w.commit()
    office.drain()
    with transaction.atomic():
        pausing.resume("t", "default")
        pausing.pause("t", "default", any_topic=True)
    assert office.drain() == []
    assert statuses() == ["held"]


def test_the_status_follows_a_backlog_as_it_is_drained_page_by_page(
    desk: Callable[..., Desk], writer: Callable[[], Writer]
) -> None:
    office, w = desk(page_rows=10), writer()
    w.insert("a", 35)
    w.commit()
    seen = [status.read().pending]
    while office.shard.step():
        seen.append(status.read().pending)
        assert OutboxEvent.objects.pending().count() == seen[-1]
        assert statuses().count("pending") == seen[-1]
    assert seen[0] == 35
    assert seen[-1] == 0
    assert seen == sorted(seen, key=lambda pending: -(pending or 0))
