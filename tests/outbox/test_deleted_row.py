"""A receiver of a deletion gets the row that is deleted, whatever the caller's instance says."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete

import outbox
from tests.outbox.concurrency import in_background, wait_until_somebody_is_blocked
from tests.testapp.models import CompositeKey, Price, SpecialPrice

pytestmark = pytest.mark.django_db


class Deleted:
    """What a receiver of both signals got."""

    def __init__(self, sender: Any = Price, **options: Any) -> None:
        self.instances: list[Any] = []

        @outbox.receiver([pre_delete, post_delete], sender=sender, **options)
        def deleted(instance: Any, **kwargs: Any) -> None:
            self.instances.append(instance)

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.instances]


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
