"""Event ids and buckets."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox.write import uuid7 as module
from outbox.write.buckets import bucket_of
from outbox.write.uuid7 import uuid7


def test_uuid7_is_of_version_7_and_tells_its_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_uuid7s_are_in_the_order_of_their_making_across_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: [uuid7() for _ in range(2_000)], range(4)))
    assert all(run == sorted(run) for run in runs)
    assert len(set().union(*runs)) == 8_000


def test_uuid7_does_not_go_back_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_last", module._last)
    first = uuid7()
    monkeypatch.setattr(module, "time_ns", lambda: 0)
    assert uuid7() > first


def test_uuid7_counts_on_within_one_tick_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_last", module._last)
    monkeypatch.setattr(module, "time_ns", lambda: 4_000_000_000_000_000_000)
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(made)
    assert {each.version for each in made} == {7}


@pytest.mark.parametrize(("key", "bucket"), [("", 0), ("123456789", 0x26), ("shop", 162), ("ü", 213)])
def test_bucket_of_a_key_stays_the_same_for_ever(key: str, bucket: int) -> None:
    """Rows are stored with it; 123456789 is the check value of the CRC-32 of zip and Ethernet."""
    assert bucket_of(key) == bucket


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_bucket_is_one_of_256(key: str) -> None:
    assert 0 <= bucket_of(key) <= 255
