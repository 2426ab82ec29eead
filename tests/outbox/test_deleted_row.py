"""A receiver of a deletion gets the row that is deleted, whatever the caller's instance says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext

import outbox
from tests.outbox.concurrency import in_background, wait_until_somebody_is_blocked
from tests.testapp.models import Coded, CompositeKey, Parcel, Price, SpecialPrice, Stamp, Tag

pytestmark = pytest.mark.django_db


class Deleted:
    """What a receiver of both signals, or of one, got."""

    def __init__(self, sender: Any = Price, signal: Any = (pre_delete, post_delete), **options: Any) -> None:
        self.instances: list[Any] = []

        @outbox.receiver(signal, sender=sender, **options)
        def deleted(instance: Any, **kwargs: Any) -> None:
            self.instances.append(instance)

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.instances]


@contextmanager
def listening(function: Any, model: Any) -> Iterator[None]:
    """A plain receiver of pre_delete, which comes behind those that are there."""
    pre_delete.connect(function, sender=model)
    try:
        yield
    finally:
        pre_delete.disconnect(function, sender=model)


@pytest.fixture
def deleted() -> Deleted:
    return Deleted()


@pytest.fixture
def price() -> Price:
    return Price.objects.create(name="row", count=7)


def test_not_what_was_assigned(deleted: Deleted, price: Price) -> None:
    price.name = "draft"
    price.delete()
    assert deleted.names == ["row", "row"]


def test_not_what_was_read_long_ago(deleted: Deleted, price: Price) -> None:
    Price.objects.filter(pk=price.pk).update(name="changed")
    price.delete()
    assert deleted.names == ["changed", "changed"]


def test_not_the_defaults_of_an_instance_that_is_only_a_key(deleted: Deleted, price: Price) -> None:
    Price(pk=str(price.pk)).delete()
    assert [(each.name, each.count) for each in deleted.instances] == [("row", 7)] * 2


def test_of_a_child_with_the_fields_of_its_parent() -> None:
    deleted = Deleted(SpecialPrice)
    special = SpecialPrice.objects.create(name="row", reason="sale")
    special.name = special.reason = "draft"
    special.delete()
    assert [(each.name, each.reason) for each in deleted.instances] == [("row", "sale")] * 2


def test_of_a_parent_is_that_of_the_parent(deleted: Deleted) -> None:
    special = SpecialPrice.objects.create(name="row")
    parent = Price.objects.get(pk=special.pk)
    parent.name = "draft"
    parent.delete()
    assert set(deleted.names) == {"row"}


def test_of_a_composite_key() -> None:
    deleted = Deleted(CompositeKey)
    row = CompositeKey.objects.create(tenant=1, number=2, title="row")
    row.title = "draft"
    row.delete()
    assert [each.title for each in deleted.instances] == ["row", "row"]


def test_a_row_that_is_not_there_is_not_announced(deleted: Deleted, price: Price) -> None:
    again = Price.objects.get(pk=price.pk)
    price.delete()
    assert again.delete()[0] == 0
    assert len(deleted.instances) == 2


def test_clean_values_give_the_instance_itself(deleted: Deleted, price: Price) -> None:
    price = Price.objects.get()
    price.delete()
    assert deleted.instances == [price, price]
    assert all(each is price for each in deleted.instances)


def test_costs_one_statement_for_many_rows(deleted: Deleted, django_assert_num_queries: Any) -> None:
    Price.objects.bulk_create([Price(name=str(number)) for number in range(5)])
    with django_assert_num_queries(4) as queries:  # the rows, the children, the locked rows, DELETE
        Price.objects.all().delete()
    assert [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert len(deleted.instances) == 10


def test_is_what_the_delete_returns_if_nobody_asks_before(
    price: Price, django_assert_num_queries: Any
) -> None:
    deleted = Deleted(signal=post_delete)
    Price.objects.bulk_create([Price(name=str(number)) for number in range(120)])
    with django_assert_num_queries(4) as queries:  # the rows, the children, DELETE twice
        Price.objects.all().delete()
    assert not [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert sorted(deleted.names) == sorted(["row", *map(str, range(120))])


@pytest.mark.parametrize("model", [Price, SpecialPrice])
def test_what_another_receiver_changed_before_is_announced(model: Any) -> None:
    price = model.objects.create(name="row")
    deleted = Deleted(model)

    def change(instance: Any, **kwargs: Any) -> None:
        SpecialPrice.objects.filter(pk=instance.pk).update(reason="changed")
        QuerySet(Price).filter(pk=instance.pk).update(count=9)

    with listening(change, model):
        price.delete()
    assert [each.count for each in deleted.instances] == [0, 9]


def test_what_another_receiver_deleted_before_is_announced_once(price: Price) -> None:
    deleted = Deleted(signal=post_delete)

    def delete(instance: Price, **kwargs: Any) -> None:
        pre_delete.disconnect(delete, sender=Price)
        Price.objects.get(pk=instance.pk).delete()

    with listening(delete, Price):
        assert price.delete() == (0, {})
    assert deleted.names == ["row"]


def test_of_a_key_that_its_field_reads_in_another_form() -> None:
    deleted = Deleted(Coded)
    Coded.objects.create(code=7, amount=Decimal("1.00"))
    Coded(code=7).delete()
    assert [each.amount for each in deleted.instances] == [Decimal("1.00")] * 2


def test_rows_of_which_no_receiver_is_told_are_not_read() -> None:
    parcel = Parcel.objects.create(code="a")
    parcel.tags.add(Tag.objects.create(name="a"))
    Stamp.objects.create(parcel=parcel)
    deleted = Deleted(None)
    with CaptureQueriesContext(connection) as queries:
        parcel.delete()
    locked = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert len(locked) == 2
    assert not [statement for statement in locked if "testapp_parcel_tags" in statement]
    assert {type(each) for each in deleted.instances} == {Parcel, Stamp}


@pytest.mark.parametrize(("most_parameters", "statements"), [(60_000, 1), (500, 3)])
def test_rows_are_locked_in_the_order_of_their_keys_however_many(
    monkeypatch: pytest.MonkeyPatch, most_parameters: int, statements: int
) -> None:
    monkeypatch.setattr("outbox.capture.locking.MOST_PARAMETERS", most_parameters)
    deleted = Deleted()
    Price.objects.bulk_create([Price(name=str(number)) for number in range(1200)])
    keys = list(Price.objects.order_by("pk").values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as queries:
        Price.objects.order_by("?").delete()
    locked = [query["sql"] for query in queries if "ORDER BY 1 ASC FOR UPDATE" in query["sql"]]
    assert len(locked) == statements
    if statements > 1:  # each behind the one before
        assert [int(each.partition(" IN (")[2].split(",")[0]) for each in locked] == keys[::500]
    assert len(deleted.instances) == 2400


@pytest.mark.parametrize("model", [Price, SpecialPrice])
def test_parents_are_locked_before_their_children(model: Any) -> None:
    Deleted()
    Deleted(SpecialPrice)
    special = SpecialPrice.objects.create()
    with CaptureQueriesContext(connection) as queries:
        model.objects.get(pk=special.pk).delete()
    locked = [query["sql"].partition("FROM")[2] for query in queries if "FOR UPDATE" in query["sql"]]
    assert [tables.split()[0] for tables in locked] == ['"testapp_price"', '"testapp_specialprice"']


def test_refresh_may_be_forbidden(price: Price) -> None:
    deleted = Deleted(refresh=False)
    price.name = "draft"
    price.delete()
    assert deleted.names == ["draft", "draft"]


def test_a_deletion_inside_a_receiver_of_another_one(price: Price) -> None:
    other = Price.objects.create(name="other")
    deleted = Deleted()

    @outbox.receiver(pre_delete, sender=Price)
    def both(instance: Price, **kwargs: Any) -> None:
        if instance.pk == price.pk:
            other.delete()

    price.name = other.name = "draft"
    price.delete()
    assert sorted(deleted.names) == ["other", "other", "row", "row"]
    assert not Price.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_else_deletes_at_the_same_time_is_announced_once(price: Price) -> None:
    deleted = Deleted()
    with transaction.atomic():
        Price.objects.filter(pk=price.pk).delete()
        other = in_background(lambda: Price.objects.filter(name="row").delete())
        wait_until_somebody_is_blocked()
    assert other.result() == (0, {})
    assert len(deleted.instances) == 2
