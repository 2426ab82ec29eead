"""Parcels, and the events that announce them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet
from django.db.models.signals import post_save

import outbox
from outbox.testing import CapturedEvents
from tests.testapp.events import ParcelSaved
from tests.testapp.models import Parcel


@pytest.fixture(autouse=True)
def announced() -> None:
    @outbox.receiver(post_save, sender=Parcel)
    def saved(instance: Parcel, created: bool, **kwargs: Any) -> ParcelSaved:
        return ParcelSaved(parcel_id=instance.pk, code=instance.code, weight=instance.weight, created=created)


def parcels(*codes: str, weight: int = 0) -> list[Parcel]:
    """Parcels that are in the database already, without events."""
    plain: QuerySet[Parcel] = QuerySet(Parcel)
    return plain.bulk_create([Parcel(code=code, weight=weight) for code in codes])


def written(events: CapturedEvents) -> list[tuple[str, int, bool]]:
    return [(event.data["code"], event.data["weight"], event.data["created"]) for event in events]
