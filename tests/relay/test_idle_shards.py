"""A shard to which nobody writes costs the same, however much others write to theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outbox.operations import resharding
from relay.log.session import qualified
from relay.log.stretches import LEAST_PAGES
from tests.relay.conftest import Desk, Writer, insert

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
ANALYZE = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "
PAGE_ROWS = 10
OTHERS = 200
"""A bucket of shard 1."""


@pytest.fixture
def idle(desk: Desks) -> Desk:
    """The owner of shard 0, to which the bucket ``OTHERS`` does not belong."""
    resharding.reshard("default", 2)
    office = desk(page_rows=PAGE_ROWS)
    assert office.shard.lease.shard == 0
    return office


def rows_read(office: Desk) -> int:
    """How many rows of the log, or entries of its index, the next poll reads."""
    lo = office.shard._checkpoints.position.lo
    parameters = {
        **office.shard._log._range,
        "most": office.shard._log._poll_limit,
        "xmax": str(lo.xmax),
        "xip": [str(xid) for xid in lo.xip],
    }
    return _analyzed(office, "log/poll_ids", parameters)


def _analyzed(office: Desk, name: str, parameters: Any) -> int:
    query = ANALYZE + qualified(name, "public.")
    ((plan,),) = office.session.connection.execute(query, parameters, prepare=True).fetchall()
    return _rows_of("outbox_event", plan[0]["Plan"])


def _rows_of(table: str, node: dict) -> int:  # type: ignore[type-arg]
    own = 0
    if node.get("Relation Name") == table:
        own = int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    return own + sum(_rows_of(table, child) for child in node.get("Plans", ()))


def test_what_others_wrote_is_read_once(idle: Desk, writer: Writers) -> None:
    w = writer()
    for _ in range(5):
        w.insert("k", 100, bucket=OTHERS)
        w.commit()
    assert idle.drain() == []
    assert rows_read(idle) == 0


def test_so_is_a_transaction_that_was_open_when_the_position_moved(idle: Desk, writer: Writers) -> None:
    late, w = writer(), writer()
    late.insert("k", 500, bucket=OTHERS)
    w.insert("k", 500, bucket=OTHERS)
    w.commit()
    assert idle.drain() == []
    assert idle.shard._checkpoints.position.lo.xip
    late.commit()
    assert idle.drain() == []
    assert rows_read(idle) == 0


def test_a_poll_reads_little_of_it(idle: Desk, writer: Writers) -> None:
    w = writer()
    w.insert("k", 20 * PAGE_ROWS * 8, bucket=OTHERS)
    w.commit()
    assert 0 < rows_read(idle) <= PAGE_ROWS * 2 + 1


def test_little_is_left_where_it_is(idle: Desk, writer: Writers) -> None:
    """A poll in vain writes nothing, as long as it costs nothing."""
    w = writer()
    assert idle.drain() == []
    before = idle.shard._checkpoints.position
    w.insert("k", 5, bucket=OTHERS)
    w.commit()
    assert idle.drain() == []
    assert idle.shard._checkpoints.position == before


def test_events_of_its_own_among_those_of_others_are_found(idle: Desk, writer: Writers) -> None:
    w = writer()
    for _ in range(3):
        w.insert("k", 300, bucket=OTHERS)
        w.insert("mine", bucket=0)
        w.insert("k", 300, bucket=OTHERS)
        w.commit()
    assert idle.drain() == ["mine:1", "mine:2", "mine:3"]
    assert rows_read(idle) == 0


def test_of_a_backlog_of_its_own_a_poll_reads_as_little(idle: Desk, writer: Writers) -> None:
    w = writer()
    w.insert("k", 5_000, bucket=0)
    w.commit()
    assert 0 < rows_read(idle) <= PAGE_ROWS * 2 + 1


@pytest.mark.parametrize("bucket", [0, OTHERS])
def test_a_look_up_reads_a_piece_however_large_the_transaction(
    idle: Desk, writer: Writers, monkeypatch: pytest.MonkeyPatch, bucket: int
) -> None:
    """One that was open when the position moved, one that was not, and one amid small ones."""
    monkeypatch.setattr("relay.log.window_start.PIECE", 50)
    read: list[int] = []
    fetch = idle.session.fetch

    def analyzed(name: str, parameters: Any) -> Any:
        if name == "log/window_start":
            read.append(_analyzed(idle, name, parameters))
        return fetch(name, parameters)

    monkeypatch.setattr(idle.session, "fetch", analyzed)
    late, w = writer(), writer()
    late.insert("late", 500, bucket=bucket)
    w.insert("k", 500, bucket=bucket)
    w.commit()
    published = len(idle.drain())
    late.commit()
    published += len(idle.drain())
    for count in (1, 500, 1):
        w.insert("k", count, bucket=bucket)
        w.commit()
    published += len(idle.drain())
    assert published == (1502 if bucket == 0 else 0)
    assert 0 < max(read) <= 50


def test_what_others_have_held_is_not_read_at_all(idle: Desk, writer: Writers) -> None:
    w = writer()
    w.insert("k", 300, bucket=OTHERS)
    w.connection.execute(
        "INSERT INTO outbox_hold (scope, topic, reason, detail) VALUES ('topic', 't', 'paused', '')"
    )
    w.connection.execute(
        "INSERT INTO outbox_held (hold_id, event_id, bucket)"
        " SELECT outbox_hold.id, outbox_event.id, bucket FROM outbox_event, outbox_hold"
    )
    w.commit()
    first, last = idle.shard.lease.first, idle.shard.lease.last
    (hold,) = w.connection.execute("SELECT id FROM outbox_hold").fetchone() or (0,)
    parameters = {"hold": hold, "first": first, "last": last, "rows": 10, "bytes": 1_000}
    query = ANALYZE + qualified("holds/held", "public.")
    ((plan,),) = idle.session.connection.execute(query, parameters, prepare=True).fetchall()
    assert _rows_of("outbox_held", plan[0]["Plan"]) == 0


def test_a_sparse_shard_reads_a_window_of_others_once(idle: Desk) -> None:
    for _ in range(20):
        insert(OTHERS, "t", 200)
        insert(0, "t")
    statements: list[str] = []
    fetch = idle.session.fetch

    def counted(name: str, parameters: Any) -> Any:
        statements.append(name)
        return fetch(name, parameters)

    idle.session.fetch = counted  # type: ignore[method-assign]
    assert len(idle.drain()) == 20
    assert statements.count("log/window_start") <= 2
    assert statements.count("log/stretch") <= 4_020 / (PAGE_ROWS * LEAST_PAGES) + 22
