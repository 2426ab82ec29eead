"""The bookkeeping of a page: whatever the outcomes, nothing is skipped and nothing is passed over before it
is settled.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from outbox.log.position import Position, Snapshot
from outbox_core.wire.encode import BinaryEncoder, Row
from relay.holds.table import Scopes
from relay.log.reader import Page
from relay.publishers.base import Failure, Outcome, Trouble
from relay.shard.in_flight import InFlight

LO, HI = Snapshot(5, 5), Snapshot(90, 90)
RETRIABLE = Failure(Trouble.RETRIABLE, "down")


def row(number: int, key: str = "k") -> Row:
    return Row(
        number, "t", key, "a.b", None, "application/json", f"id-{number}", b"{}", "{}", "2026-01-01T00:00:00Z"
    )


def in_flight(rows: Sequence[Row], held: Sequence[str] = ()) -> InFlight:
    encode = BinaryEncoder("/test")
    page = Page(list(rows), Position(LO, HI, 0), Position(HI))
    return InFlight(page, encode.page(rows), Scopes(keys={("t", key): 7 for key in held}))


outcomes = st.sampled_from([None, None, None, RETRIABLE])


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.sets(st.sampled_from("abc")), st.data())
def test_every_row_is_acknowledged_or_held_once_and_in_order(
    keys: list[str], held_keys: set[str], data: st.DataObject
) -> None:
    task = in_flight([row(i + 1, key) for i, key in enumerate(keys)], sorted(held_keys))
    sent: list[int] = []
    held: list[int] = []
    position = 0
    while not task.finished:
        wave = task.wave()
        if wave:
            size = data.draw(st.integers(1, len(wave)))
            verdict: list[Outcome] = data.draw(st.lists(outcomes, min_size=size, max_size=size))
            task.note(wave, verdict)
            sent += [at + 1 for at, outcome in zip(wave, verdict, strict=False) if outcome is None]
        prefix = task.prefix()
        if prefix is not None:
            task.step_over(prefix)
            reached = len(keys) if prefix.position == Position(HI) else prefix.position.pos
            assert reached is not None
            assert prefix.carried.events + len(prefix.held) == reached - position
            assert {r for r in range(position + 1, reached + 1) if keys[r - 1] not in held_keys} <= set(sent)
            held += [event for _, event in prefix.held]
            position = reached
    assert position == len(keys)
    assert sorted(sent) == [i + 1 for i, key in enumerate(keys) if key not in held_keys]
    assert held == [i + 1 for i, key in enumerate(keys) if key in held_keys]


def test_a_failed_wave_comes_again_without_what_was_acknowledged() -> None:
    task = in_flight([row(1), row(2, "x"), row(3)])
    assert task.note(task.wave(), [RETRIABLE, None, RETRIABLE]) == {"t": (row(1), RETRIABLE)}
    assert task.prefix() is None
    assert list(task.wave()) == [0, 2]


def test_isolation_halves_down_to_one_record_and_grows_back() -> None:
    task = in_flight([row(i) for i in range(1, 9)])
    assert task.isolate(8)
    assert len(task.wave()) == 4
    assert task.isolate(4)
    assert task.isolate(2)
    assert len(task.wave()) == 1
    assert not task.isolate(1)
    task.note(task.wave(), [None])
    prefix = task.prefix()
    assert prefix is not None
    task.step_over(prefix)
    assert len(task.wave()) == 2
