"""A page of a window makes one wave."""

from __future__ import annotations

from relay.publishers.memory import MemoryPublisher
from relay.shard.page_size import WHOLE_WAVES, PageSize
from tests.relay.conftest import Desk


def test_a_page_that_made_two_waves_is_followed_by_smaller_ones() -> None:
    size = PageSize(2_000)
    assert size.rows == 2_000
    size.took(1_500, 2_000)
    assert 1_000 <= size.rows < 1_500


def test_a_wave_that_is_small_for_another_reason_changes_nothing() -> None:
    """As the first ones of a link whose speed is not known."""
    size = PageSize(2_000)
    size.took(30, 2_000)
    assert size.rows == 2_000


def test_the_full_size_is_tried_again_now_and_then() -> None:
    size = PageSize(2_000)
    size.took(1_500, 2_000)
    fitting = size.rows
    for _ in range(WHOLE_WAVES - 1):
        size.took(fitting, fitting)
        assert size.rows == fitting
    size.took(fitting, fitting)
    assert size.rows == 2_000


def test_a_page_has_at_least_one_row() -> None:
    size = PageSize(1)
    size.took(1, 1)
    assert size.rows == 1


def test_pages_of_a_backlog_follow_the_publisher(desk, writer) -> None:  # type: ignore[no-untyped-def]
    office: Desk = desk(page_rows=100)
    office.broker._batch_bytes = 24_000
    waves: list[int] = []
    publish = MemoryPublisher.publish

    def counted(records):  # type: ignore[no-untyped-def]
        outcomes = publish(office.broker, records)
        waves.append(len(outcomes))
        return outcomes

    office.broker.publish = counted  # type: ignore[method-assign]
    w = writer()
    w.insert("k", 1_000)
    w.commit()
    assert office.drain() == [f"k:{number}" for number in range(1, 1_001)]
    assert 50 < max(waves) < 100
    assert min(waves[2:-1]) > max(waves) * 0.9
