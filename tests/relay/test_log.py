"""The snapshot cursor: everything committed, nothing else, in the order of the commits."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from relay.errors import Fenced
from relay.log.session import qualified
from tests.relay.conftest import Desk, Writer

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


def test_a_crash_of_the_database_makes_the_relay_read_the_position_again(
    desk: Desks, writer: Writers
) -> None:
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
    polled = _plan(office, "log/poll", {**common, "most": 200, "xmax": "900000000", "xip": ["5", "6"]})
    ids = _plan(office, "log/poll_ids", {**common, "most": 200, "xmax": "900000000", "xip": ["5", "6"]})
    news = _plan(office, "log/news", {"most": 200, "xmax": "900000000", "xip": ["5", "6"]})
    held = _plan(office, "holds/held", {**common, "hold": 1})
    spans = {"xids": ["5", "900000000"], "ids": [10, 10], "untils": ["6", "900000001"]}
    first = _plan(office, "log/window_start", {**common, **spans, "hi": hi, "pos": 10, "piece": 50})
    window = {**common, "lo": lo, "hi": hi}
    walked = _plan(office, "log/scan_window", {**window, "pos": 10, "scan": 800})
    stretch = _plan(office, "log/stretch", {**window, "pos": 10, "scan": 800})
    named = _plan(office, "log/rows_of_stretch", {**window, "ids": "{1,2,3}"})
    assert polled.count("outbox_event_xid") == 4
    assert polled.count("Index Only Scan using outbox_event_xid") == 2
    assert ids.count("outbox_event_xid") == 4
    assert news.count("Index Scan using outbox_event_xid") == 2
    assert "Index Scan using outbox_event_xid" in first
    assert "ROW(xid, id) > ROW(" in first
    assert walked.count("Scan using outbox_event_pkey") == 2
    assert stretch.count("Scan using outbox_event_pkey") == 1
    assert named.count("Scan using outbox_event_pkey") == 1
    assert "outbox_held_hold" in held
    assert "Sort" not in held
    for plan in (polled, ids, news, first, walked, stretch, named, held):
        assert "Seq Scan on outbox_event" not in plan
        assert "Bitmap" not in plan


def test_no_plan_starts_workers_to_read_a_few_rows(desk: Desks) -> None:
    """Up to PostgreSQL 17 a scan that is switched off seems to cost so much that workers are worth it."""
    office = desk()
    office.session.connection.execute(
        "SELECT set_config(name, 'on', false) FROM pg_settings"
        " WHERE name IN ('debug_parallel_query', 'force_parallel_mode')"
    )
    parameters = {"owner": str(office.owner), "owned": [], "ttl": 5.0}
    assert "Gather" not in _plan(office, "cluster/cluster_state", parameters)


def _plan(office: Desk, name: str, parameters: dict[str, object]) -> str:
    query = "EXPLAIN " + qualified(name, "public.")
    rows = office.session.connection.execute(query, parameters, prepare=True).fetchall()
    return "\n".join(row[0] for row in rows)
