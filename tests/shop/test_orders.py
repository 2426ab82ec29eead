"""Orders and their events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from outbox.testing import CapturedEvents
from shop.checkout import checkout
from shop.errors import EmptyOrder, PaymentDeclined, StatusConflict
from shop.models import Customer, DeclinedPayment, Order, OrderLine
from shop.payment import accept, decline

Lines = list[OrderLine]


def test_placing_an_order_tells_its_lines_and_total(
    customer: Customer, lines: Lines, outbox_events: CapturedEvents
) -> None:
    order = Order.objects.place(customer, lines)

    event = outbox_events.assert_emitted("shop.order.placed", key=order.pk)
    assert event.topic.endswith("shop.orders")
    assert event.data == {
        "order_id": str(order.pk),
        "customer_id": customer.pk,
        "total": "40.47",
        "lines": [
            {"product_id": lines[0].product_id, "name": "Exactly Once", "quantity": 2, "price": "12.99"},
            {"product_id": lines[1].product_id, "name": "Blue Ledger", "quantity": 1, "price": "14.49"},
        ],
        "placed_at": order.placed_at.isoformat().replace("+00:00", "Z"),
    }
    assert order.lines.count() == 2


def test_an_order_without_lines_is_refused(customer: Customer, outbox_events: CapturedEvents) -> None:
    with pytest.raises(EmptyOrder, match="Add a record"):
        Order.objects.place(customer, [])
    assert not outbox_events


def test_paying_and_cancelling_tell_what_became_of_the_order(
    customer: Customer, lines: Lines, outbox_events: CapturedEvents
) -> None:
    order = Order.objects.place(customer, lines)
    order.pay()
    order.cancel("scratched")

    assert outbox_events.types == ["shop.order.placed", "shop.order.paid", "shop.order.cancelled"]
    assert outbox_events[1].data["total"] == "40.47"
    assert set(outbox_events[1].data) == {"order_id", "customer_id", "total", "placed_at", "paid_at"}
    assert outbox_events[2].data["was_paid"] is True
    assert outbox_events[2].data["reason"] == "scratched"


def test_cancelling_an_order_that_was_not_paid_says_so(
    customer: Customer, lines: Lines, outbox_events: CapturedEvents
) -> None:
    Order.objects.place(customer, lines).cancel("changed my mind")
    assert outbox_events.assert_emitted("shop.order.cancelled").data["was_paid"] is False


def test_an_order_is_paid_once(customer: Customer, lines: Lines, outbox_events: CapturedEvents) -> None:
    """Also from two copies of the same order, as two requests have them."""
    order = Order.objects.place(customer, lines)
    copy = Order.objects.get(pk=order.pk)
    order.pay()
    with pytest.raises(StatusConflict, match="is paid and cannot be paid; only a placed order can"):
        copy.pay()
    assert outbox_events.types.count("shop.order.paid") == 1


def test_a_cancelled_order_stays_cancelled(customer: Customer, lines: Lines) -> None:
    order = Order.objects.place(customer, lines)
    order.cancel("")
    with pytest.raises(StatusConflict):
        order.cancel("again")


def test_saving_an_order_without_a_new_status_tells_nothing(
    customer: Customer, lines: Lines, outbox_events: CapturedEvents
) -> None:
    order = Order.objects.place(customer, lines)
    order.pay()
    before = len(outbox_events)

    order.reason = "a note"
    order.save()
    Order.objects.get(pk=order.pk).save()
    order.save(update_fields=["reason"])

    assert len(outbox_events) == before


def test_a_status_assigned_by_hand_is_told_once(
    customer: Customer, lines: Lines, outbox_events: CapturedEvents
) -> None:
    Order.objects.place(customer, lines)
    order = Order.objects.get()
    order.status, order.paid_at = Order.Status.PAID, timezone.now()
    order.save()
    order.save()
    assert outbox_events.types == ["shop.order.placed", "shop.order.paid"]


def test_orders_cancelled_in_bulk_are_told_one_by_one(
    customer: Customer, record: object, lines: Lines, outbox_events: CapturedEvents
) -> None:
    orders = [Order.objects.place(customer, [OrderLine(**fields(lines[0]))]) for _ in range(3)]
    Order.objects.filter(customer=customer).update(
        status=Order.Status.CANCELLED, cancelled_at=timezone.now(), reason="the shop burnt down"
    )
    told = {event.key for event in outbox_events if event.type == "shop.order.cancelled"}
    assert told == {str(order.pk) for order in orders}


def fields(line: OrderLine) -> dict[str, object]:
    return {"product": line.product, "name": line.name, "quantity": line.quantity, "price": line.price}


@pytest.mark.django_db(transaction=True)
def test_a_declined_payment_leaves_nothing_but_its_record(
    customer: Customer, lines: Lines, outbox_events: CapturedEvents
) -> None:
    """The card is charged when the order and both its events are written; all of it is rolled back."""
    seen: list[str] = []

    def look_and_decline(order: Order) -> None:
        seen.extend(outbox_events.types)
        decline(order)

    with pytest.raises(PaymentDeclined, match=r"40\.47 .* was declined") as declined:
        checkout(customer, lines, look_and_decline)

    assert seen == ["shop.order.placed", "shop.order.paid"]
    assert not outbox_events
    assert not Order.objects.exists()
    assert not OrderLine.objects.exists()
    payment = DeclinedPayment.objects.get()
    assert payment.order_id == declined.value.order.pk
    assert (payment.customer_id, str(payment.amount)) == (customer.pk, "40.47")


@pytest.mark.django_db(transaction=True)
def test_a_checkout_that_could_be_rolled_back_by_others_is_refused(customer: Customer, lines: Lines) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        checkout(customer, lines, accept)


def test_an_order_can_be_dated_back(customer: Customer, lines: Lines, outbox_events: CapturedEvents) -> None:
    order = checkout(customer, lines, accept, datetime(1997, 1, 12, 12, tzinfo=UTC))
    assert order.created_at.year > 1997
    assert (
        outbox_events[0].data["placed_at"]
        == outbox_events[1].data["paid_at"]
        == "1997-01-12T12:00:00.000000Z"
    )


def test_a_paid_order_has_a_date_of_payment(customer: Customer, lines: Lines) -> None:
    order = Order.objects.place(customer, lines)
    with pytest.raises(IntegrityError, match="shop_order_status_dated"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(status=Order.Status.PAID)
