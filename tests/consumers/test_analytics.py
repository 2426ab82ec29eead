"""Analytics: a log of every event, and figures per day and type."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from consumers.analytics.models import DailyFigure, EventLog
from tests.consumers.conftest import Shop


@pytest.fixture
def analytics(shop: Callable[[str], Shop]) -> Shop:
    return shop("analytics")


def figures() -> dict[tuple[str, str], tuple[int, Decimal]]:
    rows = DailyFigure.objects.values_list("day", "type", "count", "revenue")
    return {
        (f"{day:%m-%d}", kind.removeprefix("shop.")): (count, revenue) for day, kind, count, revenue in rows
    }


def test_figures_per_day_and_type(analytics: Shop) -> None:
    analytics.registered(1)
    for order, total in enumerate(("1.50", "2.25", "0.00")):
        analytics.placed(order, 1, total, day="1997-02-01")
        analytics.paid(order, 1, total, day="1997-02-01")
    analytics.consumer.drain()
    analytics.paid(9, 1, "10.00", day="1997-02-01")
    analytics.paid(10, 1, "4.00", day="1997-02-02")
    analytics.cancelled(10, 1, "4.00", day="1997-03-01")
    analytics.consumer.drain()
    assert figures() == {
        ("01-01", "customer.registered"): (1, Decimal("0.00")),
        ("02-01", "order.placed"): (3, Decimal("3.75")),
        ("02-01", "order.paid"): (4, Decimal("13.75")),
        ("02-02", "order.paid"): (1, Decimal("4.00")),
        ("03-01", "order.cancelled"): (1, Decimal("4.00")),
    }


def test_every_event_is_logged_once(analytics: Shop) -> None:
    analytics.registered(1, event_id="first")
    analytics.paid(1, 1, "9.00")
    analytics.consumer.drain()
    analytics.consumer.log.committed.clear()
    analytics.consumer.restart()
    analytics.consumer.drain()
    assert EventLog.objects.count() == 2
    row = EventLog.objects.get(event_id="first")
    assert (row.type, row.topic, row.key, row.source) == (
        "shop.customer.registered",
        "shop.customers",
        "1",
        "/test",
    )
    assert (row.day, row.revenue) == (date(1997, 1, 1), None)
    assert sum(DailyFigure.objects.values_list("count", flat=True)) == 2


def test_other_events_count_on_the_day_that_they_happened(analytics: Shop) -> None:
    sent = analytics.consumer.send
    sent(
        "shop.product.tagged", {"product_id": 1}, key="1", topic="shop.products", time="2026-05-06T23:59:59Z"
    )
    sent("shop.product.tagged", None, key="1", topic="shop.products", time="2026-05-07T00:30:00+02:00")
    analytics.consumer.drain()
    assert figures() == {("05-06", "product.tagged"): (2, Decimal("0.00"))}
    assert EventLog.objects.earliest("id").occurred_at == datetime(2026, 5, 6, 23, 59, 59, tzinfo=UTC)


def test_batch_is_written_with_one_statement(
    analytics: Shop, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    for number in range(600):
        if number == 300:
            analytics.consumer.drain()  # its batches have grown
        analytics.paid(number, 1, day=f"1997-01-{number % 28 + 1:02}")
    with django_assert_max_num_queries(30):  # type: ignore[attr-defined]
        analytics.consumer.drain()
    assert EventLog.objects.count() == 600
