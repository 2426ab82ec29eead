"""Backlogs larger than a page: a window is pinned, and walked along the primary key."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from outbox.log.position import NOTHING, Position, Snapshot
from outbox.operations import resharding
from tests.relay.conftest import Desk, Writer, payloads
from tests.waiting import wait_until

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


@pytest.fixture(autouse=True, params=["all buckets", "some buckets"])
def statement(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner of all buckets has a statement of its own; the other one serves it as well."""
    if request.param == "some buckets":
        monkeypatch.setattr("relay.log.reader.BUCKETS", -1)


@pytest.mark.parametrize("rows", [1, 2, 7, 50])
def test_a_backlog_larger_than_a_page_keeps_its_order(desk: Desks, writer: Writers, rows: int) -> None:
    office, first, second = desk(page_rows=rows), writer(), writer()
    expected: dict[str, list[str]] = {"a": [], "b": []}
    for turn in range(1, 11):
        for key, w in (("a", first), ("b", second)):
            w.insert(key, 5)
            expected[key] += [f"{key}:{5 * (turn - 1) + i}" for i in range(1, 6)]
            w.commit()
    published = office.drain()
    assert {key: [p for p in published if p.startswith(key)] for key in "ab"} == expected
    assert len(published) == 100


def test_a_page_is_bounded_in_bytes(desk: Desks, writer: Writers) -> None:
    office, w = desk(page_bytes=10), writer()
    w.insert("key", 30)
    w.commit()
    assert office.drain() == [f"key:{n}" for n in range(1, 31)]


def test_a_window_survives_a_restart_at_any_row(desk: Desks, writer: Writers) -> None:
    office, w = desk(page_rows=3), writer()
    w.insert("a", 20)
    w.commit()
    late = writer()
    late.insert("late")
    published: list[str] = []
    while office.shard.step():
        office.reopen()
        late.commit()
    published = [(r.value or b"").decode() for r in office.broker.records]
    assert sorted(published) == sorted([f"a:{n}" for n in range(1, 21)] + ["late:1"])
    assert [p for p in published if p.startswith("a")] == [f"a:{n}" for n in range(1, 21)]


def test_a_straggler_behind_a_long_gap_of_published_rows_is_found(desk: Desks, writer: Writers) -> None:
    office, old, w = desk(page_rows=2), writer(), writer()
    old.insert("old")
    for _ in range(3):
        w.insert("between", 40)
        w.commit()
        office.drain()
    old.insert("old", 5)
    old.commit()
    assert office.drain() == [f"old:{n}" for n in range(1, 7)]


def test_one_transaction_larger_than_a_piece_of_the_index(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.log.window_start.PIECE", 10)
    office, w = desk(page_rows=4), writer()
    w.insert("a", 3)
    w.commit()
    w.insert("b", 60)
    w.commit()
    w.insert("c", 3)
    w.commit()
    assert len(office.drain()) == 66


def test_what_commits_behind_a_pinned_window_is_no_part_of_it(desk: Desks, writer: Writers) -> None:
    """It lies amid the window's rows, is not covered by its end, and would come twice."""
    office, late, w = desk(page_rows=10), writer(), writer()
    w.insert("a", 30)
    late.insert("late", 5)
    w.insert("a", 30)
    w.commit()
    wait_until(lambda: office.shard.step() and office.broker.records, 60, "something is sent", every=0)
    assert office.shard._checkpoints.position.hi is not None
    late.commit()
    office.drain()
    published = payloads(office.broker.records)
    assert published == [f"a:{n}" for n in range(1, 61)] + [f"late:{n}" for n in range(1, 6)]


@pytest.mark.parametrize("piece", [1, 3, 10, 1000])
def test_the_first_id_of_any_window_is_found(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr("relay.log.window_start.PIECE", piece)
    resharding.reshard("default", 2)
    office, writers, chance = desk(), [writer() for _ in range(5)], random.Random(piece)
    snapshots = [NOTHING]
    for _ in range(80):
        w = chance.choice(writers)
        w.insert("k", chance.choice([1, 1, 2, 9]), bucket=chance.choice([0, 200, 200, 200]))
        if chance.random() < 0.5:
            w.commit()
        snapshots.append(_snapshot(office))
    events = office.session.connection.execute("SELECT xid::text, id, bucket FROM outbox_event").fetchall()
    for _ in range(100):
        lo, hi = sorted(chance.choices(range(len(snapshots)), k=2))
        position, now = Position(snapshots[lo]), snapshots[hi]
        pos = chance.choice([0, *(row_id for _, row_id, _ in events)])
        window = [
            row_id
            for xid, row_id, bucket in events
            if bucket <= office.shard.lease.last
            and now.sees(int(xid))
            and not position.covers(int(xid), row_id)
        ]
        behind = min((row_id for row_id in window if row_id > pos), default=None)
        buckets = range(office.shard.lease.first, office.shard.lease.last + 1)
        assert office.stretches.start.find(buckets, position.lo, now, pos) == behind


def _snapshot(office: Desk) -> Snapshot:
    row = office.session.connection.execute("SELECT pg_current_snapshot()::text").fetchone()
    assert row is not None
    return Snapshot.parse(row[0])
