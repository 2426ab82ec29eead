"""The events of customers."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import ProtectedError
from django.test import Client

from outbox.testing import CapturedEvents
from shop.models import Customer, Order, OrderLine


def test_a_new_customer_is_told(outbox_events: CapturedEvents) -> None:
    customer = Customer.objects.register("Ada Maria Lind", "Ada@example.com")
    event = outbox_events.assert_emitted("shop.customer.registered", key=customer.pk)
    assert event.data == {
        "customer_id": customer.pk,
        "username": "ada@example.com",
        "email": "Ada@example.com",
        "name": "Ada Maria Lind",
        "registered_at": customer.date_joined.isoformat().replace("+00:00", "Z"),
    }
    assert not customer.has_usable_password()


def test_a_user_made_by_any_other_way_is_a_customer_too(outbox_events: CapturedEvents) -> None:
    User.objects.create_superuser("admin", "admin@example.com", "admin")
    Customer.objects.bulk_create([Customer(username="ben"), Customer(username="chen")])
    assert outbox_events.types == ["shop.customer.registered"] * 3


def test_a_changed_profile_is_told(customer: Customer, outbox_events: CapturedEvents) -> None:
    customer.rename("Ada Berg")
    customer.save()
    Customer.objects.filter(pk=customer.pk).update(email="berg@example.com")
    assert outbox_events.types == ["shop.customer.changed"] * 2
    assert outbox_events[1].data == {
        "customer_id": customer.pk,
        "email": "berg@example.com",
        "name": "Ada Berg",
    }


def test_a_login_is_no_change_of_profile(
    client: Client, customer: Customer, outbox_events: CapturedEvents
) -> None:
    """Nor is the better hash of a password that Django stores on the way."""
    client.force_login(customer)
    customer.set_password("s3cret")
    customer.save(update_fields=["password"])
    assert authenticate(username=customer.username, password="s3cret") == customer
    assert User.objects.get().last_login is not None
    assert not outbox_events


def test_a_customer_who_never_ordered_can_go(customer: Customer, outbox_events: CapturedEvents) -> None:
    pk = customer.pk
    User.objects.get(pk=pk).delete()
    assert outbox_events.assert_emitted("shop.customer.deleted", key=pk).data == {"customer_id": pk}


def test_a_customer_with_orders_stays(
    customer: Customer, lines: list[OrderLine], outbox_events: CapturedEvents
) -> None:
    Order.objects.place(customer, lines)
    with pytest.raises(ProtectedError):
        customer.delete()
    assert "shop.customer.deleted" not in outbox_events.types
