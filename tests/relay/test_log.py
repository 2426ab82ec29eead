"""The snapshot cursor: everything committed, nothing else, in the order of the commits."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from outbox import positions
from relay.checkpoint import Fenced
from relay.position import NOTHING, Position, Snapshot
from relay.session import qualified
from tests.relay.conftest import Desk, Writer, payloads

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def test_what_is_committed_is_published_once(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    assert office.drain() == ["a:1", "a:2", "a:3"]
    assert office.drain() == []


def test_a_commit_that_comes_late_is_not_lost(desk: Desks, writer: Writers) -> None:
    """Its ids are smaller than what is published already: a cursor on the id would have passed them."""
    office, early, late = desk(), writer(), writer()
    (low,) = late.insert("late")
    (high,) = early.insert("early")
    early.commit()
    assert low < high
    assert office.drain() == ["early:1"]
    late.commit()
    assert office.drain() == ["late:1"]


def test_an_open_writer_delays_nobody(desk: Desks, writer: Writers) -> None:
    office, stuck = desk(), writer()
    stuck.insert("stuck")
    for number in range(1, 6):
        other = writer()
        other.insert(f"k{number}")
        other.commit()
        assert office.drain() == [f"k{number}:1"]
    stuck.commit()
    assert office.drain() == ["stuck:1"]


def test_nothing_of_a_rollback_is_published(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("gone")
    w.rollback()
    w.insert("kept")
    w.connection.execute("SAVEPOINT s")
    w.insert("gone too")
    w.connection.execute("ROLLBACK TO SAVEPOINT s")
    w.connection.execute("SAVEPOINT s2")
    w.insert("in a savepoint")
    w.connection.execute("RELEASE SAVEPOINT s2")
    w.commit()
    assert office.drain() == ["kept:1", "in a savepoint:1"]


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
    monkeypatch.setattr("relay.log.PIECE", 10)
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
    while not office.broker.records:
        office.shard.step()
    assert office.shard._checkpoints.position.hi is not None
    late.commit()
    office.drain()
    published = payloads(office.broker.records)
    assert published == [f"a:{n}" for n in range(1, 61)] + [f"late:{n}" for n in range(1, 6)]


@pytest.mark.parametrize("piece", [1, 3, 10, 1000])
def test_the_first_id_of_any_window_is_found(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr("relay.log.PIECE", piece)
    positions.reshard("default", 2)
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
        assert office.shard._log._first(position, now, pos) == behind


def _snapshot(office: Desk) -> Snapshot:
    row = office.session.connection.execute("SELECT pg_current_snapshot()::text").fetchone()
    assert row is not None
    return Snapshot.parse(row[0])


def test_an_empty_poll_writes_nothing_and_consumes_no_transaction_id(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    office.drain()

    def facts() -> tuple[object, ...]:
        row = w.connection.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, (SELECT count(*) FROM outbox_checkpoint)"
        ).fetchone()
        w.commit()
        assert row is not None
        return row

    before = facts()
    for _ in range(50):
        assert not office.shard.step()
    assert facts() == before


@pytest.fixture
def counters(writer: Writers) -> Iterator[None]:
    """The numbers of a key come from a row lock, so that they are its commit order."""
    setup = writer()
    setup.connection.execute("CREATE TABLE test_counter (key text PRIMARY KEY, n int NOT NULL DEFAULT 0)")
    setup.connection.execute("INSERT INTO test_counter SELECT 'k' || i FROM generate_series(1, 5) i")
    setup.commit()
    yield
    setup.connection.execute("DROP TABLE test_counter")
    setup.commit()


@pytest.mark.usefixtures("counters")
def test_concurrent_writers_lose_nothing_and_keep_the_order_of_their_keys(
    desk: Desks, writer: Writers
) -> None:
    office = desk(page_rows=20)
    committed: list[str] = []
    threads = [threading.Thread(target=_write, args=(writer(), seed, committed)) for seed in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        office.drain()
    office.drain()
    published = [(r.value or b"").decode() for r in office.broker.records]
    assert sorted(published) == sorted(committed)
    for key in (f"k{i}" for i in range(1, 6)):
        numbers = [int(p.partition(":")[2]) for p in published if p.startswith(f"{key}:")]
        assert numbers == sorted(numbers)


def _write(w: Writer, seed: int, committed: list[str]) -> None:
    """Transactions, one in five of them rolled back."""
    chance = random.Random(seed)
    for _ in range(60):
        mine = _transaction(w, chance)
        if chance.random() < 0.2:
            w.rollback()
        else:
            w.commit()
            committed.extend(mine)


def _transaction(w: Writer, chance: random.Random) -> list[str]:
    mine = []
    for key in sorted(chance.sample([f"k{i}" for i in range(1, 6)], chance.randint(1, 2))):
        row = w.connection.execute(
            "UPDATE test_counter SET n = n + 1 WHERE key = %s RETURNING n", (key,)
        ).fetchone()
        assert row is not None
        w._next[key] = row[0]
        w.insert(key)
        mine.append(f"{key}:{row[0]}")
        if chance.random() < 0.3:
            w.connection.execute("SELECT pg_sleep(%s)", (chance.random() / 50,))
    return mine


def test_a_crash_of_the_database_makes_the_position_be_read_anew(desk: Desks, writer: Writers) -> None:
    """Crash recovery empties the token's table; a position from before is not to be built upon."""
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    assert office.shard.step()
    w.connection.execute("DELETE FROM outbox_incarnation")
    w.insert("b")
    w.commit()
    with pytest.raises(Fenced):
        office.shard.step()
    assert [(r.value or b"").decode() for r in office.broker.records] == ["a:1"]
    office.reopen()
    assert office.drain() == ["b:1"]


def test_a_wave_in_flight_through_a_crash_moves_nothing(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    publish = office.broker.publish

    def crash_then_publish(records: object) -> object:
        w.connection.execute("DELETE FROM outbox_incarnation")
        w.commit()
        return publish(records)  # type: ignore[arg-type]

    monkeypatch.setattr(office.broker, "publish", crash_then_publish)
    with pytest.raises(Fenced):
        office.shard.step()
    monkeypatch.setattr(office.broker, "publish", publish)
    office.reopen()
    assert office.drain() == ["a:1"]
    assert len(office.broker.records) == 2


@pytest.mark.parametrize("statistics", ["none", "stale", "one transaction"])
def test_the_plans_use_the_indexes_whatever_the_statistics(
    desk: Desks, writer: Writers, statistics: str
) -> None:
    office, w = desk(), writer()
    if statistics == "stale":
        w.connection.execute("ANALYZE outbox_event")
    if statistics == "one transaction":
        w.insert("a", 3000)
        w.connection.execute("ANALYZE outbox_event")
    w.insert("b", 3000)
    w.commit()
    lo, hi = "3:3:", "900000000:900000000:"
    common = {"first": 0, "last": 255, "rows": 100, "bytes": 1000}
    polled = _plan(office, "poll", {**common, "most": 200, "xmax": "900000000", "xip": ["5", "6"]})
    held = _plan(office, "held", {**common, "hold": 1})
    spans = {"xids": ["5", "900000000"], "ids": [10, 10], "untils": ["6", "900000001"]}
    first = _plan(office, "first", {**common, **spans, "hi": hi, "pos": 10, "piece": 50})
    walked = _plan(office, "walk", {**common, "lo": lo, "hi": hi, "pos": 10, "scan": 800})
    assert polled.count("outbox_event_xid") == 4
    assert polled.count("Index Only Scan using outbox_event_xid") == 2
    assert "Index Scan using outbox_event_xid" in first
    assert "ROW(xid, id) > ROW(" in first
    assert "outbox_event_pkey" in walked
    assert "outbox_held_hold" in held
    assert "Sort" not in held
    for plan in (polled, first, walked, held):
        assert "Seq Scan on outbox_event" not in plan
        assert "Bitmap" not in plan


def _plan(office: Desk, name: str, parameters: dict[str, object]) -> str:
    query = "EXPLAIN " + qualified(name, "public.")
    rows = office.session.connection.execute(query, parameters, prepare=True).fetchall()
    return "\n".join(row[0] for row in rows)
