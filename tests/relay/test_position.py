"""Snapshot arithmetic agrees with PostgreSQL's own."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from outbox.log.position import NOTHING, Position, Snapshot


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Snapshots as PostgreSQL makes them: xmin is the first of xip, or xmax where nothing was open."""
    xmax = draw(st.integers(2, 400))
    xip = tuple(sorted(draw(st.sets(st.integers(1, xmax - 1), max_size=40))))
    return Snapshot(xip[0] if xip else xmax, xmax, xip)


@given(snapshots())
def test_text_form_round_trips(snapshot: Snapshot) -> None:
    assert Snapshot.parse(str(snapshot)) == snapshot


@given(snapshots(), st.integers(1, 410))
def test_sees_what_was_complete(snapshot: Snapshot, xid: int) -> None:
    assert snapshot.sees(xid) == (xid < snapshot.xmax and xid not in snapshot.xip)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(snapshots())
def test_sees_as_postgresql_does(snapshot: Snapshot) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x, pg_visible_in_snapshot(x::text::xid8, %s::pg_snapshot) FROM generate_series(1, 405) x",
            [str(snapshot)],
        )
        assert all(snapshot.sees(xid) == visible for xid, visible in cursor.fetchall())


@given(st.integers(1, 10**12))
def test_the_first_position_covers_nothing(xid: int) -> None:
    assert not Position(NOTHING).covers(xid, 0)


@given(snapshots(), snapshots(), st.integers(1, 400), st.integers(0, 100), st.integers(0, 100))
def test_a_pinned_window_covers_its_head_only(
    lo: Snapshot, hi: Snapshot, xid: int, row: int, pos: int
) -> None:
    covered = Position(lo, hi, pos).covers(xid, row)
    assert covered == (lo.sees(xid) or (hi.sees(xid) and row <= pos))
