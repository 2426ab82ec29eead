"""A relay divides the log that it publishes, as an operation, and continues with the new shards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import F
from django.db.models.functions import Now

from outbox.models import Operation, Shard
from outbox.operations.bulk import operations
from outbox.operations.dividing import order
from outbox.operations.resharding import CLAIM
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_kafka]


def test_what_a_killed_process_began_is_finished_by_a_relay_that_owns_nothing(
    relay: Callable[..., RelayProcess],
    writer: Callable[[], Writer],
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    """Otherwise nothing would be published until the claim of the dead one ends, in ten minutes."""
    name, w = topic(), writer()
    w.insert("a", 5, topic=name)
    w.commit()
    row = operations.begin(order(2, "mara"), "default", 2)
    Operation.objects.filter(pk=row.pk).update(carried_by="relay of old", due_at=Now() + timedelta(seconds=2))
    Shard.objects.update(owner=uuid4(), epoch=F("epoch") + 1, lease_until=Now() + CLAIM)
    process = relay()
    wait_until(lambda: len(published(name)) == 5, START_SECONDS, "all is published")
    row.refresh_from_db()
    assert (row.state, Shard.objects.count(), process.end()) == ("done", 2, 0)


def test_a_relay_splits_and_merges_its_own_shards_and_loses_nothing(
    relay: Callable[..., RelayProcess],
    writer: Callable[[], Writer],
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name, w, process = topic(), writer(), relay()
    wait_until(lambda: process.owns, START_SECONDS, "the relay owns the shard")
    for round, count in enumerate((4, 1, 3), 1):
        for key in range(20):
            w.insert(f"k{key}", 5, topic=name)
        w.commit()
        row = operations.begin(order(count, "mara", most=10_000), "default", count)

        def done(pk: int = row.pk) -> bool:
            return Operation.objects.get(pk=pk).state == "done"

        wait_until(done, START_SECONDS, "the relay has divided the log")
        assert Shard.objects.count() == count

        def all_published(written: int = 100 * round) -> bool:
            return len(set(published(name))) == written

        wait_until(all_published, START_SECONDS, "all is published")
    wait_until(lambda: not Shard.objects.filter(owner=None).exists(), START_SECONDS, "it owns all of them")
    assert Operation.objects.filter(carried_by__endswith=f":{process.process.pid}").count() == 3
    assert process.end() == 0
