"""Several shards of one relay: one of them reads the log for all, and none of them waits for another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from outbox.log.position import Position
from outbox.write.buckets import BUCKETS
from outbox_core.wire.encode import Record
from relay.cluster.lease import Lease
from relay.errors import Fenced, PublisherUnavailable
from relay.log.link import Link
from relay.log.stretches import LEAST_PAGES, Stretches
from relay.publishers.base import Outcome
from relay.shard.owned import OwnedShard
from tests.relay.conftest import LEASE_SECONDS, Desk, Writer, divide, pause, payloads, resume

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
SHARDS, PAGE_ROWS = 8, 5
SCAN = PAGE_ROWS * LEAST_PAGES
KEYS = {f"key-{bucket}": bucket for bucket in range(0, BUCKETS, 16)}
"""Two keys of each shard, with a bucket."""


class Office:
    """All free shards, owned by one desk, and how often each statement was sent."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.shard.lease.release(desk.session)
        self.shards: dict[int, OwnedShard] = {}
        self.counts: Counter[str] = Counter()
        fetch = desk.session.fetch

        def counted(name: str, parameters: Mapping[str, Any]) -> Any:
            self.counts[name] += 1
            return fetch(name, parameters)

        desk.session.fetch = counted  # type: ignore[method-assign]

    def acquire(self, most: int = BUCKETS) -> None:
        context = self.desk.shard._context
        while len(self.shards) < most:
            lease = Lease.acquire(self.desk.session, self.desk.owner, LEASE_SECONDS, list(self.shards))
            if lease is None:
                return
            self.shards[lease.shard] = OwnedShard(self.desk.session, lease, context, self.desk.stretches)

    def turn(self) -> bool:
        """One page of each shard."""
        self.desk.stretches.turn()
        return sum(shard.step() or shard.release() for shard in self.shards.values()) > 0

    def drain(self) -> None:
        while self.turn():
            pass

    def give_up(self) -> None:
        """As the engine does when a lease is lost."""
        for shard in self.shards.values():
            shard.lease.release(self.desk.session)
        self.shards.clear()
        self.desk.stretches.forget()

    @property
    def published(self) -> list[str]:
        return payloads(self.desk.broker.records)


@pytest.fixture
def office(desk: Desks) -> Office:
    """The owner of all of ``SHARDS``."""
    divide(SHARDS)
    office = Office(desk(page_rows=PAGE_ROWS))
    office.acquire()
    assert len(office.shards) == SHARDS
    return office


def write(w: Writer, count: int) -> None:
    """So many events of each key, the keys in turns, in one transaction."""
    for _ in range(count):
        for key, bucket in KEYS.items():
            w.insert(key, bucket=bucket)
    w.commit()


def stored(shard: OwnedShard) -> Position:
    return shard._checkpoints.position


def assert_once_and_in_order(published: list[str], count: int) -> None:
    for key in KEYS:
        mine = [each for each in published if each.startswith(f"{key}:")]
        assert mine == [f"{key}:{n}" for n in range(1, count + 1)]
    assert len(published) == count * len(KEYS)


def test_one_shard_reads_a_backlog_for_all(office: Office, writer: Writers) -> None:
    write(writer(), 50)
    office.counts.clear()
    office.drain()
    assert_once_and_in_order(office.published, 50)
    rows = 50 * len(KEYS)
    assert office.counts["log/stretch"] <= rows / SCAN + 1
    assert office.counts["log/rows_of_stretch"] == rows / PAGE_ROWS
    assert office.counts["log/window_start"] == 1
    assert office.counts["log/poll_ids"] <= 3
    assert office.counts["log/checkpoint"] <= rows / PAGE_ROWS + 2 * SHARDS


def test_one_shard_polls_for_all(office: Office, writer: Writers) -> None:
    w = writer()
    office.drain()
    for _ in range(5):
        for key, bucket in list(KEYS.items())[::8]:
            w.insert(key, bucket=bucket)
        w.commit()
        office.counts.clear()
        office.turn()
        assert office.counts["log/poll_ids"] <= 2  # one for the shards that stood still, if they come later
        assert office.counts["log/rows_of_stretch"] == 2
    assert len(office.published) == 10


def test_shards_that_come_from_different_positions_share_one_window(office: Office, writer: Writers) -> None:
    w = writer()
    for number, shard in enumerate(office.shards.values()):
        w.insert(f"key-{32 * number}", bucket=32 * number)
        w.commit()
        while shard.step():
            pass
    assert len({stored(shard).lo for shard in office.shards.values()}) == SHARDS
    write(w, 50)
    office.counts.clear()
    office.turn()
    assert len({stored(shard).hi for shard in office.shards.values()}) == 1
    office.drain()
    assert len(office.published) == len(set(office.published)) == 50 * len(KEYS) + SHARDS
    assert office.counts["log/stretch"] <= 50 * len(KEYS) / SCAN + 3


class Out:
    """A topic is out of reach, for the events of some keys."""

    def __init__(self, office: Office, *keys: str) -> None:
        self.keys = keys
        self._publish = office.desk.broker.publish
        office.desk.broker.publish = self.publish  # type: ignore[method-assign, assignment]

    def publish(self, records: list[Record]) -> list[Outcome]:
        if any(record.key.decode() in self.keys for record in records):
            raise PublisherUnavailable("the partition has no leader")
        return self._publish(records)


def test_a_stuck_shard_holds_no_other_up_and_catches_up(office: Office, writer: Writers) -> None:
    out = Out(office, "key-0", "key-16")
    write(writer(), 50)
    office.counts.clear()
    for _ in range(50 * 2 // PAGE_ROWS + 10):
        for shard in office.shards.values():
            with suppress(PublisherUnavailable):
                shard.step()
    assert len(office.published) == 50 * (len(KEYS) - 2)
    assert office.counts["log/stretch"] <= 50 * len(KEYS) / SCAN + 1
    out.keys = ()
    office.drain()
    assert_once_and_in_order(office.published, 50)


def test_a_shard_that_is_paused_keeps_its_order(office: Office, writer: Writers) -> None:
    w = writer()
    write(w, 20)
    for _ in range(2):
        office.turn()
    pause("t")
    write(w, 20)
    office.drain()
    assert len(office.published) < 40 * len(KEYS)
    resume("t")
    office.drain()
    assert_once_and_in_order(office.published, 40)


@pytest.mark.parametrize("backlog", [1, 50], ids=["poll", "window"])
def test_what_was_read_for_others_before_a_crash_is_not_used(
    office: Office, writer: Writers, backlog: int
) -> None:
    """Crash recovery empties the token's table. What the first shard has seen may never have happened."""
    w = writer()
    office.drain()
    write(w, backlog)
    first, second, *_ = office.shards.values()
    first.step()
    published, position = list(office.published), stored(second)
    w.connection.execute("DELETE FROM outbox_incarnation")
    w.commit()
    with pytest.raises(Fenced):
        second.step()
    assert (office.published, stored(second)) == (published, position)
    office.give_up()
    office.acquire()
    office.drain()
    assert len(set(office.published)) == backlog * len(KEYS)
    assert_once_and_in_order(list(dict.fromkeys(office.published)), backlog)


@pytest.mark.parametrize("backlog", [1, 50], ids=["poll", "window"])
def test_nor_by_a_shard_that_was_taken_again_since(office: Office, writer: Writers, backlog: int) -> None:
    """It knows the new incarnation, and would store what the earlier one has seen."""
    w = writer()
    office.drain()
    write(w, backlog)
    first, second, *_ = office.shards.values()
    first.step()
    w.connection.execute("DELETE FROM outbox_incarnation")
    w.commit()
    second.lease.release(office.desk.session)
    del office.shards[second.lease.shard]
    office.acquire()
    with pytest.raises(Fenced):
        office.shards[second.lease.shard].step()


def test_a_row_that_was_named_and_is_another_now_is_not_read(
    office: Office, writer: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that was not on disk is lost in a crash. Then its ids are given to another transaction."""
    monkeypatch.setattr("relay.log.stretches.LEAST_PAGES", 64)
    w, shard = writer(), office.shards[SHARDS - 1]
    write(w, 20)
    for _ in range(2):
        office.turn()
    ids, _ = office.desk.stretches.behind(stored(shard), range(shard.lease.first, shard.lease.last + 1))
    w.connection.execute("DELETE FROM outbox_event WHERE id = %s", (ids[-1],))
    w.connection.execute("SELECT setval('outbox_event_id_seq', %s, false)", (ids[-1],))
    assert w.insert("another", bucket=shard.lease.last) == [ids[-1]]
    w.commit()
    while stored(shard).hi is not None:
        shard.step()
    assert "another:1" not in office.published
    office.drain()
    assert office.published.count("another:1") == 1


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
def test_shards_handed_over_within_a_window(desk: Desks, writer: Writers, turns: int) -> None:
    divide(SHARDS)
    first, second = Office(desk(page_rows=PAGE_ROWS)), Office(desk(page_rows=PAGE_ROWS))
    first.acquire()
    w = writer()
    write(w, 30)
    for _ in range(turns):
        first.turn()
    for number in range(0, SHARDS, 2):
        first.shards.pop(number).lease.release(first.desk.session)
    second.acquire()
    assert len(second.shards) == SHARDS // 2
    while first.turn() or second.turn():
        pass
    assert_once_and_in_order(first.published + second.published, 30)


@pytest.mark.parametrize("path", [(16,), (4,), (1,), (3, 8)])
def test_shards_are_changed_within_a_window(office: Office, writer: Writers, path: tuple[int, ...]) -> None:
    w = writer()
    write(w, 30)
    for _ in range(3):
        office.turn()
    for count in path:
        divide(count)
        with pytest.raises(Fenced):
            office.drain()
        office.give_up()
        office.acquire()
        office.turn()
    write(w, 5)
    office.drain()
    published = list(dict.fromkeys(office.published))
    assert_once_and_in_order(published, 35)


def test_a_relay_reads_for_its_own_buckets(office: Office) -> None:
    assert office.desk.stretches._buckets == range(BUCKETS)
    few = Stretches(office.desk.session, Link(1.0), lambda: None, PAGE_ROWS)
    few.serve(range(64, 96))
    few.serve(range(32, 64))
    assert few._buckets == range(32, 96)
