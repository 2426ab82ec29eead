"""The CRM: customers with their first and last purchase, the number of purchases, and the money spent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.crm.models import Customer, Purchase
from inbox.models import HeldEvent, Processed
from inbox.testing import MemoryConsumer
from tests.consumers.conftest import Shop


@pytest.fixture
def crm(shop: Callable[[str], Shop]) -> Shop:
    return shop("crm")


def drain(crm: Shop) -> None:
    crm.consumer.drain()
    assert not HeldEvent.objects.exists()


def figures(customer: int) -> tuple[int, Decimal, str, str]:
    row = Customer.objects.get(customer_id=customer)
    first, last = (f"{day:%m-%d}" if day else "" for day in (row.first_purchase, row.last_purchase))
    return row.purchases, row.spent, first, last


def test_customer_is_registered_and_changes(crm: Shop) -> None:
    crm.registered(1)
    crm.changed(1, name="New Name", email="new@example.org")
    drain(crm)
    row = Customer.objects.get()
    assert (row.customer_id, row.username, row.name, row.email) == (1, "user1", "New Name", "new@example.org")
    assert row.registered_at == datetime(1997, 1, 1, tzinfo=UTC)
    crm.changed(1, name="Newer Name", email="new@example.org")
    drain(crm)
    assert str(Customer.objects.get()) == "Newer Name"


def test_paid_orders_are_purchases_and_placed_ones_are_not(crm: Shop) -> None:
    crm.registered(1)
    crm.placed(1, 1, "12.50")
    crm.paid(1, 1, "12.50", day="1997-05-02")
    crm.paid(2, 1, "0.00", day="1997-03-01")
    crm.placed(3, 1, "99.00")
    drain(crm)
    assert figures(1) == (2, Decimal("12.50"), "03-01", "05-02")


def test_orders_may_arrive_before_their_customer(crm: Shop) -> None:
    crm.paid(1, 1)
    drain(crm)
    crm.registered(1)
    drain(crm)
    row = Customer.objects.get()
    assert (row.name, row.purchases, row.spent) == ("User 1", 1, Decimal("10.00"))


def test_cancelled_purchase_is_taken_back(crm: Shop) -> None:
    for order, day in enumerate(("1997-01-05", "1997-02-05", "1997-03-05")):
        crm.paid(order, 1, "5.00", day=day)
    drain(crm)
    crm.cancelled(2, 1, "5.00")
    drain(crm)
    assert figures(1) == (2, Decimal("10.00"), "01-05", "02-05")
    crm.cancelled(0, 1, "5.00")
    crm.cancelled(1, 1, "5.00")
    drain(crm)
    assert figures(1) == (0, Decimal("0.00"), "", "")


def test_purchase_cancelled_in_the_same_batch_leaves_nothing(crm: Shop) -> None:
    crm.paid(1, 1)
    crm.cancelled(1, 1)
    drain(crm)
    assert not Purchase.objects.exists()


def test_cancelled_order_that_was_not_paid_changes_nothing(crm: Shop) -> None:
    crm.registered(1)
    crm.cancelled(1, 1, paid=False)
    drain(crm)
    assert figures(1) == (0, Decimal(0), "", "")


def test_deleted_customer_is_forgotten_and_the_figures_stay(crm: Shop) -> None:
    crm.registered(1)
    crm.paid(1, 1)
    crm.deleted(1)
    crm.paid(2, 1)
    drain(crm)
    row = Customer.objects.get()
    assert (row.username, row.email, row.name, row.deleted) == ("", "", "", True)
    assert (row.purchases, row.spent) == (2, Decimal("20.00"))


def test_tombstone_deletes_too(crm: Shop) -> None:
    crm.registered(1)
    crm.consumer.send("shop.customer.deleted", None, key="1", topic="shop.customers")
    drain(crm)
    assert Customer.objects.get().deleted


def test_redelivery_counts_nothing_twice(crm: Shop) -> None:
    crm.registered(1)
    crm.paid(1, 1)
    crm.paid(2, 1)
    crm.cancelled(2, 1)
    drain(crm)
    crm.consumer.log.committed.clear()
    crm.consumer.restart()
    drain(crm)
    assert figures(1) == (1, Decimal("10.00"), "02-01", "02-01")


def test_broken_order_is_held_and_the_others_count(crm: Shop) -> None:
    crm.paid(1, 1)
    bad = {"order_id": str(UUID(int=2)), "customer_id": 1, "placed_at": "1997-01-01T00:00:00Z"}
    crm.consumer.send("shop.order.paid", bad, key="2", topic="shop.orders")
    crm.paid(3, 1)
    crm.consumer.drain()
    assert figures(1)[0] == 2
    assert "Object missing required field `total`" in HeldEvent.objects.get().error


def test_statements_do_not_grow_with_the_batch(
    crm: Shop, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    for number in range(400):
        if number == 200:
            drain(crm)  # its batches have grown
        crm.registered(number)
        crm.paid(number, number % 7)
        if number % 3 == 0:
            crm.cancelled(number, number % 7)
    with django_assert_max_num_queries(40):  # type: ignore[attr-defined]
        drain(crm)
    assert sum(Customer.objects.values_list("purchases", flat=True)) == 400 - 134


ORDERS = st.lists(
    st.tuples(st.integers(1, 3), st.decimals(0, 99, places=2), st.integers(1, 28), st.booleans()), max_size=12
)


@given(orders=ORDERS, size=st.integers(1, 7), shuffle=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_arrival_and_any_batch_gives_the_same_figures(
    db: None, orders: list[tuple[int, Decimal, int, bool]], size: int, shuffle: object
) -> None:
    """Only the events of one order are in order; the topics and the orders are not, among each other."""
    for model in (Customer, Purchase, Processed):
        model.objects.all().delete()
    crm = Shop(MemoryConsumer("crm"))
    steps = [number for number in range(len(orders)) for _ in range(2)]
    shuffle.shuffle(steps)  # type: ignore[attr-defined]
    seen: set[int] = set()
    for number in steps:
        customer, total, day, cancelled = orders[number]
        if number not in seen:
            crm.paid(number, customer, str(total), day=f"1997-01-{day:02}")
        elif cancelled:
            crm.cancelled(number, customer, str(total))
        seen.add(number)
        if len(seen) % size == 0:
            drain(crm)
    drain(crm)
    for customer in (1, 2, 3):
        kept = [(total, day) for who, total, day, cancelled in orders if who == customer and not cancelled]
        days = sorted(f"01-{day:02}" for _, day in kept)
        expected = (
            len(kept),
            sum((t for t, _ in kept), Decimal(0)),
            *((days[0], days[-1]) if days else ("", "")),
        )
        if Customer.objects.filter(customer_id=customer).exists():
            assert figures(customer) == expected
        else:
            assert not kept
