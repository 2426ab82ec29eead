"""The admin of the shop."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from outbox.testing import CapturedEvents
from shop.models import Customer, DeclinedPayment, Order, OrderLine, Product, Tag


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def seed(*arguments: str) -> str:
    out = StringIO()
    call_command("seed_shop", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_seeding_fills_the_shelves_once(outbox_events: CapturedEvents) -> None:
    assert "12 records added" in seed()
    assert "on the shelf already" in seed()
    assert Product.objects.count() == 12
    assert outbox_events.types == ["shop.product.tagged"] * 12
    assert not User.objects.exists()


@pytest.mark.django_db
def test_seeding_makes_an_admin_when_asked(client: Client) -> None:
    assert 'password "admin"' in seed("--admin")
    assert "exists already" in seed("--admin")
    assert client.login(username="admin", password="admin")


@pytest.mark.parametrize("model", ["order", "customer", "product", "tag", "declinedpayment"])
def test_every_list_can_be_looked_at_and_searched(
    staff: Client, customer: Customer, lines: list[OrderLine], model: str
) -> None:
    Order.objects.place(customer, lines).pay()
    Tag.objects.create(name="loud")
    DeclinedPayment.objects.create(order_id=Order.objects.get().pk, customer_id=customer.pk, amount=1)
    for query in ("", "?q=ada", f"?q={Order.objects.get().pk}", "?q=7"):
        assert staff.get(f"/admin/shop/{model}/{query}").status_code == 200


def test_a_list_of_orders_takes_as_many_queries_for_three_as_for_one(
    staff: Client, customer: Customer, record: Product, django_assert_max_num_queries: object
) -> None:
    def queries() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            staff.get("/admin/shop/order/")
        return len(captured)

    def place() -> None:
        Order.objects.place(
            customer, [OrderLine(product=record, name=record.name, quantity=1, price=record.price)]
        )

    place()
    one = queries()
    place()
    place()
    assert queries() == one


def test_orders_are_paid_and_cancelled_from_the_list(
    staff: Client, customer: Customer, lines: list[OrderLine], outbox_events: CapturedEvents
) -> None:
    order = Order.objects.place(customer, lines)
    for action in ("mark_as_paid", "mark_as_paid", "cancel"):
        data = {"action": action, "_selected_action": [str(order.pk)]}
        assert staff.post("/admin/shop/order/", data, follow=True).status_code == 200
    assert outbox_events.types[-3:] == ["shop.order.placed", "shop.order.paid", "shop.order.cancelled"]
    assert outbox_events[-1].data["reason"] == "by boss"
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Order paid.",
        "Order cancelled.",
    ]


def test_an_order_s_page_shows_it_and_changes_nothing(
    staff: Client, customer: Customer, lines: list[OrderLine]
) -> None:
    order = Order.objects.place(customer, lines)
    page = staff.get(f"/admin/shop/order/{order.pk}/change/").content
    assert b"Exactly Once" in page
    assert b'name="_save"' not in page
    assert staff.get("/admin/shop/order/add/").status_code == 403


def test_a_customer_added_here_is_told_and_has_no_password(
    staff: Client, outbox_events: CapturedEvents
) -> None:
    data = {"username": "ada", "first_name": "Ada", "last_name": "Lind", "email": "ada@example.com"}
    staff.post("/admin/shop/customer/add/", data)
    assert outbox_events.types[-1] == "shop.customer.registered"
    assert not Customer.objects.get(username="ada").has_usable_password()


def test_tags_chosen_here_are_told(staff: Client, record: Product, outbox_events: CapturedEvents) -> None:
    tag = Tag.objects.create(name="loud")
    fields = ("name", "slug", "artist", "genre", "price", "colour", "accent", "pattern")
    data = {name: getattr(record, name) for name in fields} | {"tags": [tag.pk]}
    staff.post(f"/admin/shop/product/{record.pk}/change/", data)
    assert outbox_events.assert_emitted("shop.product.tagged").data["tags"] == ["loud"]
