"""What a receiver of post_save can see of a value is what a fresh SELECT of the row shows."""

from __future__ import annotations

import enum
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
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
        ("rules", OrderedDict(z=True, a=1)),
        ("rules", {"z": 1, "a": {"y": 1, "b": 2}}),
    ],
)
def test_values_that_are_equal_and_look_different_are_those_of_the_row(
    seen: list[Price], field: str, value: object
) -> None:
    Price.objects.create(**{field: value})
    (price,) = seen
    shown, stored = getattr(price, field), getattr(Price.objects.get(), field)
    assert (repr(shown), str(shown)) == (repr(stored), str(stored))


def test_a_cached_property_is_that_of_the_row(seen: list[Price]) -> None:
    price = Price.objects.create(name="published", amount=1)
    price.name = "SECRET DRAFT"
    assert price.label == "SECRET DRAFT: 1"
    price.save(update_fields=["amount"])
    assert seen[-1].label == "published: 1.00"
    assert price.label == "SECRET DRAFT: 1", "the caller's object is as it was"
