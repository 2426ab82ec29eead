"""When a relay looks for shards that it might take over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from outbox.models import Relay, Shard
from outbox.operations import resharding
from outbox_core.process.clock import boottime
from relay.cluster.coordinator import OWNER_POLL_SECONDS, Coordinator
from relay.cluster.lease import Lease
from relay.log.session import Session
from tests.waiting import wait_until

TTL = 5.0
LEFT = 1.5
"""Seconds until the lease of the other relay ends; less than an owner's patience here."""


@pytest.fixture
def coordinator(transactional_db: None) -> Iterator[Coordinator]:
    """Of a relay with a shard of its own; another relay has just died with the other shard."""
    resharding.reshard("default", 2)
    with closing(Session("default")) as session:
        mine = Coordinator(session, uuid4(), "here", 1, TTL)
        mine.beat("publishing", "")
        lease, _ = mine.balance([])
        assert lease is not None
        assert lease.shard == 0
        yield mine


def other(lease_left: float, heartbeat_left: float) -> None:
    dead: UUID = uuid4()
    Shard.objects.filter(id=1).update(owner=dead, lease_until=Now() + timedelta(seconds=lease_left))
    Relay.objects.create(id=dead, host="there", pid=2, state="publishing")
    Relay.objects.filter(id=dead).update(heartbeat_at=Now() - timedelta(seconds=TTL - heartbeat_left))


@pytest.mark.parametrize(("lease_left", "heartbeat_left"), [(LEFT, LEFT), (0.0, LEFT), (LEFT, 0.0)])
def test_an_owner_looks_again_as_soon_as_another_one_counts_as_dead(
    coordinator: Coordinator, lease_left: float, heartbeat_left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.cluster.coordinator.OWNER_POLL_SECONDS", 600.0)
    other(lease_left, heartbeat_left)
    assert coordinator.balance([0]) == (None, False)
    assert coordinator._poll_at - boottime() <= LEFT

    taken: list[Lease] = []

    def look() -> bool:
        lease, _ = coordinator.balance([0])
        taken.extend([lease] if lease else [])
        return bool(taken)

    wait_until(look, 60, "the shard of the dead relay is taken")
    assert taken[0].shard == 1


def test_without_another_relay_it_is_patient(coordinator: Coordinator) -> None:
    Shard.objects.filter(id=1).update(owner=uuid4(), lease_until=Now() + timedelta(seconds=TTL))
    Relay.objects.exclude(host="here").delete()
    began = boottime()
    assert coordinator.balance([0]) == (None, False)
    assert coordinator._poll_at >= began + OWNER_POLL_SECONDS


def test_a_table_of_shards_that_somebody_has_emptied_is_filled_again(transactional_db: None) -> None:
    Shard.objects.all().delete()
    with closing(Session("default")) as session:
        it = Coordinator(session, uuid4(), "here", 1, TTL)
        it.beat("publishing", "")
        it.balance([])
        it.balance_soon()
        lease, _ = it.balance([])
    assert lease is not None
    assert (lease.shard, lease.first, lease.last) == (0, 0, 255)
