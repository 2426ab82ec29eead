"""What a receiver writes is seen by the receivers behind it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.signals import post_save
from django.dispatch import receiver as django_receiver
from psycopg import sql

import outbox
from tests.outbox.seen import Seen, price, seen
from tests.testapp.models import Price, SpecialPrice, UuidKey

__all__ = ["price", "seen"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def before_all() -> Iterator[Any]:
    """Connects a plain receiver of post_save of a model; receivers that are made later come behind it."""
    connected: list[Any] = []

    def connect(model: Any, function: Any) -> None:
        def once(instance: Any, **kwargs: Any) -> None:
            if not connected[1:]:
                connected.append(model)
                function(instance)

        connected.append(once)
        post_save.connect(once, sender=model)

    yield connect
    post_save.disconnect(connected[0], sender=connected[1])


def test_a_save_inside_another_receiver_is_seen_by_the_later_ones(price: Price) -> None:
    @django_receiver(post_save, sender=Price, weak=False, dispatch_uid="nested")
    def once(instance: Price, **kwargs: Any) -> None:
        if instance.count < 5:
            Price.objects.get(pk=instance.pk)
            instance.count += 1
            instance.save()

    try:
        seen = Seen()
        price.count = 3
        price.save()
        assert [each.count for each in seen.instances] == [5, 5, 5]
    finally:
        post_save.disconnect(sender=Price, dispatch_uid="nested")


def test_a_nested_save_of_a_row_whose_key_was_given_as_text_is_seen(before_all: Any) -> None:
    def save_again(instance: UuidKey) -> None:
        row = UuidKey.objects.get(pk=instance.pk)
        row.title = "nested"
        row.save()

    before_all(UuidKey, save_again)
    seen = Seen(UuidKey)
    UuidKey(id=str(uuid4()), title="a").save()
    assert [each.title for each in seen.instances] == ["nested", "nested"]


@pytest.mark.parametrize(("outer", "inner"), [(SpecialPrice, Price), (Price, SpecialPrice)])
def test_a_nested_save_of_another_model_of_the_same_table_is_seen(
    before_all: Any, outer: Any, inner: Any
) -> None:
    special = SpecialPrice.objects.create(name="a")

    def save_as_the_other(instance: Any) -> None:
        row = inner.objects.get(pk=instance.pk)
        row.name = "nested"
        row.save()

    before_all(outer, save_as_the_other)
    seen = Seen(Price)
    outer.objects.get(pk=special.pk).save()
    assert [each.name for each in seen.instances] == ["nested", "nested"]


def test_an_update_inside_another_receiver_is_seen_by_the_later_ones(before_all: Any, price: Price) -> None:
    def update(instance: Price) -> None:
        Price.objects.filter(pk=instance.pk).update(name="updated")

    before_all(Price, update)
    seen = Seen()
    price.save()
    assert seen.last.name == "updated"


@pytest.mark.parametrize(
    "statement",
    [
        b"update Testapp_Price set name='sql'",
        sql.SQL("UPDATE {} SET name = 'sql'").format(sql.Identifier(Price._meta.db_table)),
        "SELECT 1;\nUPDATE testapp_price SET name = 'sql'",
    ],
)
def test_sql_inside_another_receiver_is_seen_by_the_later_ones(
    before_all: Any, price: Price, statement: Any
) -> None:
    def execute(instance: Price) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    before_all(Price, execute)
    seen = Seen()
    price.save()
    assert seen.last.name == "sql"


def test_an_update_past_the_captured_manager_is_seen_by_the_later_ones(price: Price) -> None:
    @outbox.receiver(post_save, sender=Price)
    def rename(instance: Price, **kwargs: Any) -> None:
        QuerySet(Price).update(name=instance.name + "+")

    seen = Seen()
    price.save()
    assert seen.last.name == "a+"
    assert not connection.execute_wrappers


def test_what_is_read_between_costs_no_statement(before_all: Any, django_assert_num_queries: Any) -> None:
    before_all(Price, lambda instance: Price.objects.get(pk=instance.pk))
    seen = Seen()
    with django_assert_num_queries(2):
        price = Price.objects.create(name="a", amount=Decimal("1.00"), count=1)
    assert seen.last is price
