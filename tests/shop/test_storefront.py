"""What a visitor does, page by page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from outbox.testing import CapturedEvents
from shop.models import Customer, DeclinedPayment, Order, Product, Tag


def fill_basket(client: Client, *slugs: str) -> None:
    for slug in slugs:
        client.post(f"/basket/{slug}/add/")


def test_the_catalogue_shows_records_by_genre_and_tag(
    client: Client, record: Product, other_record: Product
) -> None:
    record.tags.add(Tag.objects.create(name="loud"))
    assert b"Exactly Once" in client.get("/").content
    assert b"Exactly Once" not in client.get("/?genre=jazz").content
    page = client.get("/?tag=loud").content
    assert b"Exactly Once" in page
    assert b"Blue Ledger" not in page
    assert b"No record here yet" in client.get("/?genre=soul").content


@pytest.mark.django_db
def test_empty_shelves_say_how_to_fill_them(client: Client) -> None:
    assert b"manage.py seed_shop" in client.get("/").content


def test_a_record_has_a_page(client: Client, record: Product) -> None:
    assert b"$12.99" in client.get("/records/exactly-once/").content
    assert client.get("/records/unheard-of/").status_code == 404


def test_the_basket_counts_changes_and_forgets(client: Client, record: Product) -> None:
    fill_basket(client, "exactly-once", "exactly-once")
    assert b"$25.98" in client.get("/basket/").content
    client.post("/basket/exactly-once/change/", {"quantity": "500"})
    assert b"$1286.01" in client.get("/basket/").content
    for nothing in ("0", "", "-1", "two"):
        fill_basket(client, "exactly-once")
        client.post("/basket/exactly-once/change/", {"quantity": nothing})
        assert b"Nothing in it yet" in client.get("/basket/").content


def test_a_visitor_signs_up_on_the_way_to_the_till_and_orders(
    client: Client, record: Product, outbox_events: CapturedEvents
) -> None:
    fill_basket(client, "exactly-once")
    response = client.get("/checkout/", follow=True)
    assert b"Who is buying?" in response.content

    sign_up = {"form": "sign-up", "name": "Ada Lind", "email": "Ada@example.com", "next": "/checkout/"}
    response = client.post("/welcome/", sign_up, follow=True)
    assert b"Ordering as <strong>Ada Lind</strong>" in response.content

    response = client.post("/checkout/", {"payment": "card"}, follow=True)
    order = Order.objects.get()
    assert response.redirect_chain == [(f"/orders/{order.pk}/", 302)]
    assert b"Nothing in it yet" in client.get("/basket/").content
    assert outbox_events.types == ["shop.customer.registered", "shop.order.placed", "shop.order.paid"]
    actor = outbox_events[2].headers["actor"]
    assert actor == str(order.customer_id)


def test_somebody_known_continues_without_a_second_registration(
    client: Client, customer: Customer, outbox_events: CapturedEvents
) -> None:
    response = client.post("/welcome/", {"form": "continue", "customer": "ADA@example.com"}, follow=True)
    assert response.wsgi_request.user.pk == customer.pk
    again = client.post("/welcome/", {"form": "sign-up", "name": "Ada", "email": "ada@example.com"})
    assert b"is a customer already" in again.content
    assert not outbox_events


@pytest.mark.django_db
def test_nobody_becomes_the_staff_without_a_password(client: Client) -> None:
    User.objects.create_superuser("admin", "admin@example.com", "admin")
    response = client.post("/welcome/", {"form": "continue", "customer": "admin@example.com"})
    assert b"There is no customer admin@example.com" in response.content
    assert b"admin@example.com</button>" not in response.content
    assert not response.wsgi_request.user.is_authenticated


def test_nobody_is_sent_to_another_site(client: Client, customer: Customer) -> None:
    data = {"form": "continue", "customer": customer.email, "next": "https://evil.example/"}
    assert client.post("/welcome/", data).headers["Location"] == "/"


def test_another_customer_keeps_the_basket(visitor: Client, record: Product) -> None:
    Customer.objects.register("Ben", "ben@example.com")
    fill_basket(visitor, "exactly-once")
    visitor.post("/welcome/", {"form": "continue", "customer": "ben@example.com"})
    assert b"$12.99" in visitor.get("/basket/").content


def test_an_order_on_invoice_is_paid_later(
    visitor: Client, record: Product, outbox_events: CapturedEvents
) -> None:
    fill_basket(visitor, "exactly-once")
    visitor.post("/checkout/", {"payment": "later"})
    order = Order.objects.get()
    assert outbox_events.types == ["shop.order.placed"]
    assert b"Pay $12.99" in visitor.get(f"/orders/{order.pk}/").content

    assert b"Paid" in visitor.post(f"/orders/{order.pk}/pay/", follow=True).content
    assert outbox_events.types == ["shop.order.placed", "shop.order.paid"]
    assert b"cannot be paid" in visitor.post(f"/orders/{order.pk}/pay/", follow=True).content


def test_an_order_is_cancelled_with_a_reason(
    visitor: Client, record: Product, outbox_events: CapturedEvents
) -> None:
    fill_basket(visitor, "exactly-once")
    visitor.post("/checkout/", {"payment": "card"})
    order = Order.objects.get()
    visitor.post(f"/orders/{order.pk}/cancel/", {"reason": "scratched"})
    assert outbox_events[-1].data["reason"] == "scratched"
    assert b"cannot be cancelled" in visitor.post(f"/orders/{order.pk}/cancel/", follow=True).content


def test_nobody_pays_or_cancels_the_order_of_another(visitor: Client, record: Product) -> None:
    fill_basket(visitor, "exactly-once")
    visitor.post("/checkout/", {"payment": "later"})
    order = Order.objects.get()
    visitor.force_login(Customer.objects.register("Ben", "ben@example.com"))
    assert visitor.post(f"/orders/{order.pk}/pay/").status_code == 404
    assert visitor.post(f"/orders/{order.pk}/cancel/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_declined_card_leads_to_the_proof_that_nothing_is_left(
    visitor: Client, record: Product, outbox_events: CapturedEvents
) -> None:
    fill_basket(visitor, "exactly-once")
    response = visitor.post("/checkout/", {"payment": "declined"}, follow=True)
    payment = DeclinedPayment.objects.get()
    assert response.redirect_chain == [(f"/declined/{payment.order_id}/", 302)]
    assert response.content.count(b"none") == 2
    assert not outbox_events
    assert b"$12.99" in visitor.get("/basket/").content


def test_an_empty_basket_cannot_be_checked_out(visitor: Client, record: Product) -> None:
    assert visitor.get("/checkout/").headers["Location"] == "/basket/"


def test_a_payment_has_to_be_chosen(visitor: Client, record: Product) -> None:
    fill_basket(visitor, "exactly-once")
    assert b"not one of the available choices" in visitor.post("/checkout/", {"payment": "shells"}).content
    assert not Order.objects.exists()


def test_a_profile_is_changed(visitor: Client, customer: Customer, outbox_events: CapturedEvents) -> None:
    visitor.post("/account/", {"name": "Ada Berg", "email": "berg@example.com"})
    assert outbox_events.assert_emitted("shop.customer.changed").data["name"] == "Ada Berg"
    assert b"Hello, Ada" in visitor.get("/account/").content
    Customer.objects.register("Ben", "ben@example.com")
    taken = visitor.post("/account/", {"name": "Ada", "email": "Ben@example.com"})
    assert b"is the address of another customer" in taken.content


def test_an_account_is_deleted_unless_it_has_orders(
    visitor: Client, customer: Customer, record: Product, outbox_events: CapturedEvents
) -> None:
    fill_basket(visitor, "exactly-once")
    visitor.post("/checkout/", {"payment": "card"})
    assert b"account cannot be deleted" in visitor.post("/account/delete/", follow=True).content

    newcomer = Customer.objects.register("Ben", "ben@example.com")
    visitor.force_login(newcomer)
    visitor.post("/account/delete/")
    assert outbox_events.types[-1] == "shop.customer.deleted"
    assert not Customer.objects.filter(pk=newcomer.pk).exists()


def test_signing_out_ends_the_visit(visitor: Client) -> None:
    visitor.post("/sign-out/")
    assert visitor.get("/account/").headers["Location"].startswith("/welcome/")


@pytest.mark.django_db
def test_health_is_ok_while_the_database_answers(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_static_files_are_served_without_debug(client: Client) -> None:
    response = client.get("/static/shop/shop.css")
    assert response.headers["Content-Type"].startswith("text/css")
    assert b"--paper" in response.getvalue()
    response.close()
