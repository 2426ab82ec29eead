"""A receiver that asks gets the row as it was before the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete, pre_save

import outbox
from tests.outbox.hearing import note
from tests.outbox.seen import Seen, price, seen
from tests.testapp.models import Price

__all__ = ["price", "seen"]
pytestmark = pytest.mark.django_db


class TestPrevious:
    def test_is_the_row_before_the_change(self) -> None:
        seen = Seen(previous=True)
        price = Price.objects.create(name="a", count=1)
        price.count = 2
        price.save()
        price.name = "b"
        price.save(update_fields=["name"])
        assert seen.previous[0] is None
        assert [(row.name, row.count) for row in seen.previous[1:]] == [("a", 1), ("a", 2)]

    def test_is_given_only_to_those_that_ask(self, seen: Seen) -> None:
        asking = Seen(previous=True)
        Price.objects.create(name="a")
        assert (seen.previous, asking.previous) == (["not asked for"], [None])

    def test_is_read_once_for_all(self, django_assert_num_queries: Any) -> None:
        price = Price.objects.create(name="a")
        Seen(previous=True), Seen(previous=True)
        with django_assert_num_queries(2):
            price.save()

    def test_is_given_before_the_save_too(self) -> None:
        found = []

        @outbox.receiver(pre_save, sender=Price, previous=True)
        def changing(instance: Price, previous: Price | None, **kwargs: Any) -> None:
            found.append((previous and previous.name, instance.name))

        price = Price.objects.create(name="a")
        price.name = "b"
        price.save()
        assert found == [(None, "a"), ("a", "b")]

    @pytest.mark.parametrize(
        "write",
        [
            lambda rows, price: rows.update(name="b"),
            lambda rows, price: rows.bulk_update([price], ["name"]),
        ],
    )
    def test_of_bulk_writes(self, write: Callable[..., object]) -> None:
        seen = Seen(previous=True)
        price = Price.objects.create(name="a")
        price.name = "b"
        write(Price.objects.all(), price)
        assert (seen.previous[-1].name, seen.last.name) == ("a", "b")

    def test_of_another_signal_is_refused(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="previous=True"):
            note(post_delete, Price, previous=True)
