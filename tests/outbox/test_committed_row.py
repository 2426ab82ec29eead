"""Receivers of post_save get what the row holds, whatever was assigned."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.db.models import F, Value
from django.db.models.signals import m2m_changed, post_save
from django.dispatch import Signal

import outbox
from outbox.capture import updates
from outbox.testing import CapturedEvents
from tests.outbox.seen import Seen, price, seen
from tests.testapp.models import ExpressParcel, Parcel, Price, SpecialPrice, Tag, TrackedParcel

published = Signal()

__all__ = ["price", "seen"]
pytestmark = pytest.mark.django_db


def stored(instance: Any) -> dict[str, Any]:
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


CHANGES: list[tuple[str, Any]] = [
    ("amount", Decimal("1.005")),
    ("amount", "7.5"),
    ("amount", 3),
    ("amount", F("amount") + 1),
    ("count", "12"),
    ("count", F("count") + 1),
    ("count", True),
    ("day", "2026-01-02"),
    ("name", F("source")),
]


@pytest.mark.parametrize(("field", "value"), CHANGES)
@pytest.mark.parametrize("how", ["save", "update_fields", "create"])
def test_has_the_values_of_the_row(seen: Seen, field: str, value: Any, how: str) -> None:
    price = Price(name="a", amount=Decimal("1.00"), count=1)
    if how != "create" or hasattr(value, "resolve_expression"):  # an INSERT cannot refer to a column
        price.save()
    setattr(price, field, value)
    price.save(update_fields=[field] if how == "update_fields" else None)
    assert stored(seen.last) == stored(Price.objects.get())
    assert type(getattr(seen.last, field)) is type(getattr(Price.objects.get(), field))


def test_other_fields_that_are_changed_but_not_written_are_those_of_the_row(seen: Seen, price: Price) -> None:
    price.name = "SECRET DRAFT"
    price.count = 5
    price.save(update_fields=["count"])
    assert (seen.last.name, seen.last.count, seen.last.double) == ("a", 5, 10)
    assert price.name == "SECRET DRAFT", "the caller's object is as it was"


def test_fields_that_somebody_else_has_changed_are_those_of_the_row(seen: Seen, price: Price) -> None:
    Price.objects.filter(pk=price.pk).update(name="b")
    price.save(update_fields=["count"])
    assert seen.last.name == "b"


def test_generated_and_default_values_come_from_the_database(seen: Seen, price: Price) -> None:
    assert (seen.last.double, seen.last.source) == (2, "database")
    price.count = 4
    price.save()
    assert seen.last.double == 8


def test_deferred_fields_are_loaded_without_another_statement(
    seen: Seen, price: Price, django_assert_num_queries: Any
) -> None:
    partial = Price.objects.only("count").get()
    partial.count = 2
    with django_assert_num_queries(1):
        partial.save()
        assert seen.last.name == "a"


def test_auto_now_with_update_fields_is_that_of_the_row(seen: Seen, price: Price) -> None:
    before = price.changed_at
    price.changed_at = before + timedelta(days=1)
    price.save(update_fields=["count"])
    assert seen.last.changed_at == before


def test_a_foreign_key_given_as_text_is_that_of_the_row(seen: Seen, price: Price) -> None:
    parcel = Parcel.objects.create(code="p")
    price.parcel_id = str(parcel.pk)
    price.save()
    assert seen.last.parcel_id == parcel.pk
    price.parcel = None
    price.save(update_fields=["count"])
    assert seen.last.parcel_id == parcel.pk
    assert seen.last.parcel == parcel
    assert price.parcel is None


def test_other_attributes_stay(seen: Seen, price: Price) -> None:
    price.extra = object()  # type: ignore[attr-defined]
    price.amount = Decimal("2.005")
    price.save()
    assert seen.last is not price
    assert seen.last.extra is price.extra  # type: ignore[attr-defined]
    assert price.amount == Decimal("2.005")


def test_a_save_of_clean_values_gives_the_instance_itself_and_costs_no_statement(
    seen: Seen, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        price = Price.objects.create(name="a", amount=Decimal("1.00"), count=1)
    assert seen.last is price
    price.count = 2
    price.double = 4
    with django_assert_num_queries(1):
        price.save()
    assert seen.last is price


@pytest.mark.parametrize("model", [Price, SpecialPrice, Parcel, TrackedParcel, ExpressParcel])
def test_of_every_kind_of_model(model: Any) -> None:
    seen = Seen(model)
    field = "name" if issubclass(model, Price) else "code"
    instance = model.objects.create(**{field: "a"})
    for other in (field, "count" if issubclass(model, Price) else "weight"):
        setattr(instance, field, f"{other} draft")
        setattr(instance, other, "7")
        instance.save(update_fields=[other])
        assert stored(seen.last) == stored(model.objects.get())


def test_a_part_of_a_row_that_no_statement_wrote_is_read_once_for_all_receivers(
    django_assert_num_queries: Any,
) -> None:
    special = SpecialPrice.objects.create(name="a")
    seen, also = Seen(SpecialPrice), Seen(SpecialPrice)
    special.name = "draft"
    special.reason = "x"
    with django_assert_num_queries(2):
        special.save(update_fields=["reason"])
    assert (seen.last.name, also.last.name) == ("a", "a")
    assert seen.last.reason == "x"


TRIGGER = """
CREATE FUNCTION test_price() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
CREATE TRIGGER test_price {when} INSERT OR UPDATE ON testapp_price FOR EACH ROW
WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION test_price()
"""


class TestTrigger:
    def test_that_runs_before_the_write_is_seen(self, seen: Seen) -> None:
        with connection.cursor() as cursor:
            cursor.execute(TRIGGER.format(when="BEFORE", body="NEW.name := upper(NEW.name); RETURN NEW;"))
        Price.objects.create(name="a")
        assert seen.last.name == "A"

    def test_that_keeps_the_row_out_leaves_what_was_assigned(self, seen: Seen) -> None:
        with connection.cursor() as cursor:
            cursor.execute(TRIGGER.format(when="BEFORE", body="RETURN NULL;"))
        price = Price.objects.create(name="a")
        assert seen.last is price
        assert price._state.adding is False

    def test_that_runs_after_it_is_seen_on_request(self) -> None:
        seen, plain, off = Seen(refresh=True), Seen(), Seen(refresh=False)
        body = "UPDATE testapp_price SET name = 'after' WHERE id = NEW.id; RETURN NULL;"
        with connection.cursor() as cursor:
            cursor.execute(TRIGGER.format(when="AFTER", body=body))
        Price.objects.create(name="a")
        assert (seen.last.name, plain.last.name, off.last.name) == ("after", "after", "a")


def test_expressions_and_plain_values_may_follow_each_other(seen: Seen) -> None:
    amounts: list[Any] = [Decimal("1.00"), Value(2) + Value(3), Decimal("4.00"), Value(5) + Value(6)]
    for amount in amounts:
        Price.objects.create(name="a", amount=amount)
    assert [each.amount for each in seen.instances] == [1, 5, 4, 11]
    assert list(Price.objects.order_by("pk").values_list("amount", flat=True)) == [1, 5, 4, 11]


def test_updates_of_every_kind_may_follow_each_other(seen: Seen, price: Price) -> None:
    amounts: list[Any] = [Decimal("2.00"), F("amount") + 1, "4.00", Value(5) + Value(6), Decimal("7.00")]
    seen_amounts = []
    for amount in amounts:
        price.amount = amount
        price.save()
        seen_amounts.append(seen.last.amount)
        price.refresh_from_db()
        assert price.amount == seen.last.amount
    assert seen_amounts == [2, 3, 4, 11, 7]


def test_rows_that_a_manager_filters_are_updated_with_its_filter(seen: Seen, price: Price) -> None:
    price.save()
    rows, name = Price._base_manager.using("default"), Price._meta.get_field("name")
    values: Any = [(name, None, "b")]
    updates.compiled(rows, "default", price.pk, values)
    assert updates.known(rows, connection, price.pk, values) is not None
    assert updates.known(rows.filter(count=1), connection, price.pk, values) is None


def test_a_key_that_no_row_can_have_is_refused_by_the_database(seen: Seen) -> None:
    with pytest.raises(DataError), transaction.atomic():
        Price(pk=2**70, name="a").save()


def test_refresh_may_be_forbidden(django_assert_num_queries: Any) -> None:
    seen = Seen(refresh=False)
    price = Price.objects.create(name="a")
    price.name = "draft"
    with django_assert_num_queries(1):
        price.save(update_fields=["count"])
    assert seen.last is price


@pytest.mark.parametrize(("refresh", "code"), [(True, "row"), (None, "draft")])
def test_of_a_relation_that_changes_it_is_the_row_on_request(refresh: bool | None, code: str) -> None:
    seen: list[str] = []

    @outbox.receiver(m2m_changed, sender=Parcel.tags.through, refresh=refresh)
    def tagged(instance: Parcel, **kwargs: Any) -> None:
        seen.append(instance.code)

    parcel = Parcel.objects.create(code="row")
    parcel.code = "draft"
    parcel.tags.add(Tag.objects.create(name="a"))
    assert seen == [code, code]


@pytest.mark.parametrize(("refresh", "code"), [(True, "row"), (None, "draft")])
def test_of_a_custom_signal_with_an_instance_it_is_the_row_on_request(
    refresh: bool | None, code: str
) -> None:
    seen: list[str] = []

    @outbox.receiver(published, refresh=refresh)
    def noted(instance: Any = None, **kwargs: Any) -> None:
        seen.append(getattr(instance, "code", instance))

    parcel = Parcel.objects.create(code="row")
    parcel.code = "draft"
    published.send(Parcel, instance=parcel)
    published.send(Parcel, instance="no model")
    published.send(Parcel)
    assert seen == [code, "no model", None]
    assert parcel.code == "draft"


def test_a_signal_sent_by_hand_reads_the_row(seen: Seen, price: Price) -> None:
    """As code does that calls update() and then sends post_save itself."""
    Price._base_manager.filter(pk=price.pk).update(name="updated")
    post_save.send(Price, instance=price, created=False, raw=False, using="default", update_fields=None)
    assert seen.last.name == "updated"
    assert price.name == "a"


def test_rows_that_are_created_in_bulk_are_those_of_the_database(seen: Seen) -> None:
    Price.objects.bulk_create([Price(name="a", amount=Decimal("1.005"), count="3")])
    assert stored(seen.last) == stored(Price.objects.get())


@pytest.mark.django_db(databases=["default", "other"])
def test_of_another_database(seen: Seen) -> None:
    price = Price(name="a", amount=Decimal("1.005"))
    price.save(using="other")
    assert seen.last.amount == Price.objects.using("other").get().amount
    assert seen.last._state.db == "other"


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_the_same(seen: Seen, outbox_events: CapturedEvents) -> None:
    price = Price.objects.create(name="a", amount=Decimal("1.005"))
    price.name = "draft"
    price.save(update_fields=["count"])
    assert [each.name for each in seen.instances] == ["a", "a"]
    with transaction.atomic():
        price.save(update_fields=["amount"])
    assert seen.last.name == "a"
