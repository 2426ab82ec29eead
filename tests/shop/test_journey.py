"""An order's page: what the shop knows, and what it reads from the services' databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models import Func
from django.test import Client
from pytest_django.fixtures import Settings

from outbox.fields import SnapshotField
from outbox.models import Checkpoint, Hold, OutboxEvent, Shard
from outbox.write.uuid7 import uuid7
from shop.journey import Journey
from shop.journey.search import search
from shop.journey.trail import lowest_uuid7
from shop.models import Customer, DeclinedPayment, Order, OrderLine
from shop.payment import accept
from tests.shop.listeners import Listeners

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def services(listeners: Listeners, settings: Settings) -> Listeners:
    """All three services, each of which has heard nothing yet."""
    listeners.forget()
    settings.JOURNEY = listeners.urls
    return listeners


@pytest.fixture
def order(customer: Customer, lines: list[OrderLine]) -> Order:
    return Order.objects.place(customer, lines, accept)


def publish() -> None:
    """Move every shard's position past all there is, as a relay does when Kafka has acknowledged it."""
    now = Func(function="pg_current_snapshot", output_field=SnapshotField())
    for shard in Shard.objects.all():
        Checkpoint.objects.create(shard=shard, epoch=1000, seq=1, lo=now)


def marks(order: Order) -> dict[str, tuple[str, str]]:
    return {each.name: (str(each.mark.state), each.mark.text) for each in Journey.of(order).stations}


def test_a_new_order_waits_for_the_relay(order: Order) -> None:
    journey = Journey.of(order)
    assert [step.event.type for step in journey.steps] == [
        "shop.customer.registered",
        "shop.order.placed",
        "shop.order.paid",
    ]
    assert marks(order) == {
        "shop": ("done", "committed"),
        "outbox": ("done", "written"),
        "kafka": ("waiting", "pending"),
    }
    assert journey.summary == "3 of 6 steps done…"


def test_a_published_order_with_nobody_to_ask_is_complete(order: Order) -> None:
    publish()
    assert Journey.of(order).is_complete


def test_events_of_others_and_of_other_days_are_not_shown(order: Order, customer: Customer) -> None:
    customer.rename("Ada Berg")
    customer.save()
    Customer.objects.filter(pk=customer.pk).update(date_joined=datetime(2020, 5, 1, tzinfo=UTC))
    journey = Journey.of(Order.objects.get())
    assert [step.event.type for step in journey.steps] == ["shop.order.placed", "shop.order.paid"]


def test_each_service_tells_which_events_it_applied_and_what_it_knows(
    order: Order, customer: Customer, services: Listeners
) -> None:
    publish()
    services.apply("crm", "shop.customer.registered", "shop.order.paid")
    blank = dict.fromkeys(("username", "email", "name"), "")
    services.insert("crm_customer", customer_id=customer.pk, purchases=1, spent="40.47", **blank)
    services.apply("analytics", "shop.customer.registered", "shop.order.placed")
    services.insert(
        "analytics_daily", day=order.placed_at.date(), type="shop.order.paid", count=3, revenue="1240.47"
    )

    journey = Journey.of(order)
    shown = marks(order)
    assert shown["crm"][0] == "done"
    assert shown["crm"][1].startswith("after ")
    assert shown["analytics"] == ("waiting", "waiting")
    assert shown["notifications"] == ("waiting", "waiting")
    knows = {station.name: station.knows for station in journey.stations}
    assert knows["crm"] == "Knows the customer, with 1 purchase for $40.47 in all."
    assert knows["analytics"].startswith("Counts 3 purchases for $1,240.47 on ")
    assert knows["notifications"] == "Has sent no welcome mail yet."
    assert journey.summary == "10 of 12 steps done…"

    services.apply("analytics", "shop.order.paid")
    services.apply("notifications", "shop.customer.registered")
    services.insert("notifications_welcome_mail", customer_id=customer.pk, email=customer.email)
    journey = Journey.of(order)
    assert journey.summary.startswith("Arrived everywhere: all 12 steps done, the slowest ")
    assert journey.stations[-1].knows.startswith("Sent the welcome mail on ")


def test_an_event_that_a_service_holds_is_shown_as_held_up(order: Order, services: Listeners) -> None:
    services.apply("crm", "shop.order.paid")
    services.hold("crm", "shop.order.paid")
    assert marks(order)["crm"] == ("held", "held")


def test_an_order_that_was_rolled_back_is_searched_for_at_the_services_too(
    customer: Customer, services: Listeners, visitor: Client
) -> None:
    payment = DeclinedPayment.objects.create(order_id=UUID(int=7), customer_id=customer.pk, amount=1)
    assert [trace.found for trace in search(payment)] == [0, 0, 0, 0]

    services.insert("crm_purchase", order_id=UUID(int=7), customer_id=1, placed_at=datetime.now(UTC), total=1)
    assert [trace.where for trace in search(payment) if trace.found] == ["The order in CRM"]
    assert b"1 found" in visitor.get(f"/declined/{payment.order_id}/").content


def test_a_held_event_is_shown_as_held_up(order: Order) -> None:
    event = OutboxEvent.objects.get(type="shop.order.paid")
    hold = Hold.objects.create(scope="key", topic=event.topic, key=event.key, reason="poison")
    hold.held.create(event=event, bucket=event.bucket)
    publish()
    assert marks(order)["kafka"] == ("held", "held")


def test_a_service_that_does_not_answer_is_named_and_the_page_stands(
    order: Order, settings: Settings, visitor: Client
) -> None:
    settings.JOURNEY = {"crm": "postgresql://nobody@127.0.0.1:1/crm", "analytics": "host=/nowhere"}
    assert marks(order)["crm"] == marks(order)["analytics"] == ("unreachable", "not reachable")
    page = visitor.get(f"/orders/{order.pk}/").content
    assert b"Its database does not answer." in page


def test_the_page_and_its_script_see_the_same_marks(
    order: Order, services: Listeners, visitor: Client
) -> None:
    page = visitor.get(f"/orders/{order.pk}/").content.decode()
    answer = visitor.get(f"/orders/{order.pk}/journey.json").json()
    assert answer["complete"] is False
    assert page.count("data-mark=") == len(answer["marks"]) == 6 + 3 * 5
    assert all(f'data-mark="{name}"' in page for name in answer["marks"])
    assert all(f'data-knows="{name}"' in page for name in answer["knows"])
    assert '<noscript><meta http-equiv="refresh"' in page


def test_an_order_whose_events_are_gone_says_so(order: Order, visitor: Client) -> None:
    OutboxEvent.objects.all().delete()
    page = visitor.get(f"/orders/{order.pk}/").content.decode()
    assert "were published long ago" in page
    assert "http-equiv" not in page


def test_an_unknown_order_is_not_found(visitor: Client) -> None:
    unknown = UUID(int=1)
    for path in (f"/orders/{unknown}/", f"/orders/{unknown}/journey.json", f"/declined/{unknown}/"):
        assert visitor.get(path).status_code == 404


def test_an_order_is_shown_to_its_customer_and_to_the_staff_only(order: Order, client: Client) -> None:
    payment = DeclinedPayment.objects.create(order_id=UUID(int=7), customer_id=order.customer_id, amount=1)
    pages = [f"/orders/{order.pk}/", f"/orders/{order.pk}/journey.json", f"/declined/{payment.order_id}/"]
    assert {client.get(page).status_code for page in pages} == {302}
    client.force_login(Customer.objects.register("Ben", "ben@example.com"))
    assert {client.get(page).status_code for page in pages} == {404}
    client.force_login(User.objects.create_superuser("staff"))
    assert {client.get(page).status_code for page in pages} == {200}


def test_the_lower_bound_of_a_moment_is_below_its_ids() -> None:
    before = datetime.now(UTC)
    event_id = uuid7()
    assert lowest_uuid7(before) <= event_id < lowest_uuid7(before + timedelta(seconds=5))
