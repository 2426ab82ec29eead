"""Fields whose descriptors keep something else than the column's value are loaded through them."""

from __future__ import annotations

import pytest

from tests.outbox.seen import Seen
from tests.testapp.fields import Number
from tests.testapp.models import Contact

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
