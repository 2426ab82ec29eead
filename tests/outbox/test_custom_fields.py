"""Fields whose descriptors keep something else than the column's value are loaded through them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.signals import post_delete

import outbox
from tests.outbox.seen import Seen
from tests.testapp.fields import Number
from tests.testapp.models import Contact, Letterbox

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("refresh", [None, True])
def test_a_field_that_converts_what_is_assigned_is_as_in_a_loaded_row(refresh: bool | None) -> None:
    seen = Seen(Contact, refresh=refresh)
    contact = Contact.objects.create(phone="4930")
    assert seen.last.phone == Contact.objects.get().phone == Number("4930")
    contact.phone = "4940"
    contact.save()
    assert seen.last.phone.dialled == "+4940"


def test_a_field_that_keeps_its_value_elsewhere_is_that_of_the_row() -> None:
    seen = Seen(Contact)
    contact = Contact.objects.create(phone="1", nickname="published")
    contact.nickname = "SECRET DRAFT"
    contact.save(update_fields=["phone"])
    assert seen.last.nickname == "published"
    assert contact.nickname == "SECRET DRAFT"


def test_a_field_that_cannot_be_assigned_twice_is_that_of_the_row() -> None:
    seen = Seen(Contact)
    contact = Contact.objects.create()
    contact.pay()
    contact.save(update_fields=["phone"])
    assert (seen.last.state, contact.state) == ("new", "paid")


def test_a_field_that_changes_another_one_leaves_that_as_it_is_in_the_row() -> None:
    seen = Seen(Contact)
    contact = Contact.objects.create(title="a", heading="h")
    Contact.objects.update(title="b")
    contact.save(update_fields=["phone"])
    assert (seen.last.title, seen.last.heading) == ("b", "h")


def test_a_field_that_is_read_through_a_function_is_not_published_as_it_is_stored() -> None:
    seen = Seen(Letterbox)
    box = Letterbox.objects.create(secret="key under the mat")
    assert seen.last is box
    box.secret = "key at Ann's"
    box.save(update_fields=["number"])
    assert seen.last.secret == "key under the mat"
    Letterbox.objects.update(secret="key at Bob's")
    assert seen.last.secret == "key at Bob's"


def test_such_a_field_of_a_deleted_row_is_not_either() -> None:
    deleted: list[str] = []

    @outbox.receiver(post_delete, sender=Letterbox)
    def gone(instance: Any, **kwargs: Any) -> None:
        deleted.append(instance.secret)

    box = Letterbox.objects.create(secret="key under the mat")
    box.secret = "key at Ann's"
    box.delete()
    assert deleted == ["key under the mat"]
