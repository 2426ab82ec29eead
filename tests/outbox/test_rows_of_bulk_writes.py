"""Bulk writes announce the rows that they wrote, as the database holds them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import django
import pytest
from django.db.models.signals import post_save, pre_save

import outbox
from outbox.testing import CapturedEvents
from tests.testapp.events import Note
from tests.testapp.models import Coded, CompositeKey, Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Page:
    return Page.objects.create(title="a")


def hide(page: Page) -> None:
    page.hidden = True
    Page.objects.bulk_update([page], ["hidden"])


@pytest.mark.parametrize(
    "write",
    [
        lambda page: Page.objects.filter(pk=page.pk).update(hidden=True),
        hide,
        lambda page: Page.objects.bulk_create([Page(id=uuid4(), title="b", hidden=True)]),
    ],
    ids=["update", "bulk_update", "bulk_create"],
)
def test_a_row_that_its_managers_do_not_show_is_announced(
    page: Page, write: Callable[[Page], object], outbox_events: CapturedEvents
) -> None:
    @outbox.receiver(post_save, sender=Page)
    def saved(instance: Page, **kwargs: Any) -> Note:
        return Note(f"{instance.title} {instance.hidden}")

    write(page)
    assert [event.key[2:] for event in outbox_events] == ["True"]


@pytest.mark.skipif(django.VERSION >= (6,), reason="Django brings them back from 6.0 on")
def test_keys_that_django_does_not_bring_back_are_refused(outbox_events: CapturedEvents) -> None:
    @outbox.receiver([pre_save, post_save], sender=Page)
    def saved(instance: Page, **kwargs: Any) -> Note:
        return Note(instance.title)

    with pytest.raises(outbox.CannotCapture, match=r"testapp\.Page: .* default="):
        Page.objects.bulk_create([Page(title="a"), Page(title="b")])
    assert not Page.objects.exists()
    assert not outbox_events


@pytest.mark.skipif(django.VERSION < (6,), reason="Django brings them back from 6.0 on")
def test_keys_that_the_database_gives_are_announced(outbox_events: CapturedEvents) -> None:
    @outbox.receiver(post_save, sender=Page)
    def saved(instance: Page, **kwargs: Any) -> Note:
        return Note(str(instance.pk))

    pages = Page.objects.bulk_create([Page(title="a"), Page(title="b")])
    assert [event.key for event in outbox_events] == [str(page.pk) for page in pages]


def test_a_composite_key_given_as_text_finds_its_row() -> None:
    seen: list[CompositeKey] = []

    @outbox.receiver(post_save, sender=CompositeKey)
    def saved(instance: CompositeKey, **kwargs: Any) -> None:
        seen.append(instance)

    CompositeKey.objects.bulk_create([CompositeKey(tenant="2", number="7", size="3")])
    assert [(each.pk, each.size) for each in seen] == [((2, 7), 3)]


def test_a_key_that_its_field_reads_in_another_form_finds_its_row() -> None:
    seen: list[Any] = []

    @outbox.receiver([pre_save, post_save], sender=Coded, previous=True)
    def saved(instance: Coded, previous: Any, **kwargs: Any) -> None:
        seen.append((instance.code, str(instance.amount), previous and str(previous.amount)))

    Coded.objects.bulk_create([Coded(code=7, amount=Decimal("1.005"))])
    assert seen[1] == ("c7", "1.01", None)
    Coded.objects.bulk_update([Coded(code=7, amount=Decimal("2.005"))], ["amount"])
    assert seen[2:] == [(7, "2.005", "1.01"), ("c7", "2.01", "1.01")]
