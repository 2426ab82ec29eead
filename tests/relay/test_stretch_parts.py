"""What one shard reads for all: which snapshot lies within another, and whom a stretch serves."""

from __future__ import annotations

import pytest

from outbox.log.position import Position, Snapshot
from relay.log.stretches import Stretch


def snapshots() -> list[Snapshot]:
    """A history of four transactions: each begins and ends once, in any order."""
    found = set()
    for done in range(16):
        completed = [xid for xid in range(4) if done >> xid & 1]
        xmax = max(completed, default=-1) + 1
        xip = tuple(xid for xid in range(xmax) if xid not in completed)
        found.add(Snapshot(xip[0] if xip else xmax, xmax, xip))
    return sorted(found, key=str)


def test_a_snapshot_is_within_another_that_sees_no_less() -> None:
    for one in snapshots():
        for other in snapshots():
            sees_no_less = all(other.sees(xid) for xid in range(5) if one.sees(xid))
            assert one.within(other) == sees_no_less


@pytest.mark.parametrize(
    ("position", "buckets", "expected"),
    [
        (Position(Snapshot(5, 5), Snapshot(9, 9), 10), range(8), True),
        (Position(Snapshot(5, 5), Snapshot(9, 9), 19), range(8), True),
        (Position(Snapshot(6, 6), Snapshot(9, 9), 10), range(8), True),
        (Position(Snapshot(4, 4), Snapshot(9, 9), 10), range(8), False),
        (Position(Snapshot(5, 5), Snapshot(8, 8), 10), range(8), False),
        (Position(Snapshot(5, 5), Snapshot(9, 9), 9), range(8), False),
        (Position(Snapshot(5, 5), Snapshot(9, 9), 20), range(8), False),
        (Position(Snapshot(5, 5), Snapshot(9, 9), 10), range(8, 24), False),
    ],
)
def test_a_stretch_serves_what_lies_within_it(position: Position, buckets: range, expected: bool) -> None:
    stretch = Stretch(Snapshot(5, 5), Snapshot(9, 9), 10, 20, range(16), {})
    assert stretch.serves(position, buckets) is expected
