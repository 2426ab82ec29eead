"""A customer, a shelf of records, and no services to ask unless a test names some."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from shop.models import Customer, OrderLine, Product
from tests.shop.listeners import Listeners


@pytest.fixture(autouse=True)
def no_services(settings: Settings) -> None:
    settings.JOURNEY = {}


@pytest.fixture
def customer(db: None) -> Customer:
    return Customer.objects.register("Ada Lind", "ada@example.com")


@pytest.fixture
def record(db: None) -> Product:
    return Product.objects.create(
        name="Exactly Once",
        slug="exactly-once",
        artist="Commit & The Logs",
        genre="electronic",
        price=Decimal("12.99"),
    )


@pytest.fixture
def other_record(db: None) -> Product:
    return Product.objects.create(
        name="Blue Ledger", slug="blue-ledger", artist="Otis Penrose", genre="jazz", price=Decimal("14.49")
    )


@pytest.fixture
def lines(record: Product, other_record: Product) -> list[OrderLine]:
    """Two of one record and one of another: 40.47 together."""
    return [
        OrderLine(product=record, name=record.name, quantity=2, price=Decimal("12.99")),
        OrderLine(product=other_record, name=other_record.name, quantity=1, price=Decimal("14.49")),
    ]


@pytest.fixture
def visitor(client: Client, customer: Customer) -> Client:
    """A browser in which the customer is signed in."""
    client.force_login(customer)
    return client


@pytest.fixture(scope="session")
def listeners(django_db_setup: None) -> Iterator[Listeners]:
    """The databases of the consuming services, made by their own migrations."""
    listeners = Listeners(connection.settings_dict)
    listeners.create()
    yield listeners
    listeners.drop()
