"""What a receiver of post_save can see of a value is what a fresh SELECT of the row shows."""

from __future__ import annotations

import enum
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models.signals import post_save

import outbox
from tests.testapp.models import Price

pytestmark = pytest.mark.django_db


class Code(str, enum.Enum):  # noqa: UP042
    RED = "red"


@pytest.fixture
def seen() -> list[Price]:
    instances: list[Price] = []

    @outbox.receiver(post_save, sender=Price)
    def seen(instance: Price, **kwargs: Any) -> None:
        instances.append(instance)

    return instances


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("valid_from", datetime(2026, 7, 1, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))),
        ("valid_from", datetime(2026, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=-9)))),
        ("name", Code.RED),
        ("factor", -0.0),
        ("amount", Decimal("-0.00")),
        ("rules", OrderedDict(z=True, a=1)),
        ("rules", {"z": 1, "a": {"y": 1, "b": 2}}),
        ("rules", {"a": {"b": [{"c": (1, 2)}]}}),
        ("rules", {"a": [-0.0, {"b": Code.RED}]}),
    ],
)
def test_values_that_are_equal_and_look_different_are_those_of_the_row(
    seen: list[Price], field: str, value: object
) -> None:
    Price.objects.create(**{field: value})
    (price,) = seen
    shown, stored = getattr(price, field), getattr(Price.objects.get(), field)
    assert (repr(shown), str(shown)) == (repr(stored), str(stored))


def test_a_document_that_is_stored_as_it_was_assigned_is_the_instances_own(seen: list[Price]) -> None:
    name = "".join(["n", "ame"])  # text that Python has not interned, as that of a decoded document
    rules = {"a": [1, 1.5, True, None, "é", {name: "x"}], name: {"name": [[], {}]}}
    price = Price.objects.create(rules=rules, amount=Decimal("1.00"))
    assert seen[0] is price
    assert repr(price.rules) == repr(Price.objects.get().rules)


def test_a_cached_property_is_that_of_the_row(seen: list[Price]) -> None:
    price = Price.objects.create(name="published", amount=1)
    price.name = "SECRET DRAFT"
    assert price.label == "SECRET DRAFT: 1"
    price.save(update_fields=["amount"])
    assert seen[-1].label == "published: 1.00"
    assert price.label == "SECRET DRAFT: 1", "the caller's object is as it was"
