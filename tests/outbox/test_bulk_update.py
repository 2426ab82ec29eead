"""bulk_update() of a captured manager gives the events of single saves."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.signals import pre_save

import outbox
from outbox.testing import CapturedEvents
from tests.outbox.parcels import announced as announced  # a fixture
from tests.outbox.parcels import parcels, written
from tests.testapp.events import Note
from tests.testapp.models import Parcel

pytestmark = pytest.mark.django_db


class TestBulkUpdate:
    def test_announces_each_row(self, outbox_events: CapturedEvents) -> None:
        rows = parcels("a", "b", "c")
        for weight, row in enumerate(rows):
            row.weight = weight
        assert Parcel.objects.bulk_update(rows, ["weight"], batch_size=2) == 3
        assert written(outbox_events) == [("a", 0, False), ("b", 1, False), ("c", 2, False)]

    def test_leaves_out_rows_that_the_filter_does_not_match(self, outbox_events: CapturedEvents) -> None:
        rows = parcels("a", "b")
        for row in rows:
            row.weight = 7
        assert Parcel.objects.filter(code="a").bulk_update(rows, ["weight"]) == 1
        assert written(outbox_events) == [("a", 7, False)]

    def test_shows_pre_save_receivers_the_given_instances(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(pre_save, sender=Parcel)
        def changing(instance: Parcel, update_fields: frozenset[str], **kwargs: Any) -> Note:
            return Note(instance.code, f"{set(update_fields)} {instance.weight}")

        (row,) = parcels("a")
        row.weight = 9
        Parcel.objects.bulk_update([row], ["weight"])
        assert outbox_events[0].data["text"] == "{'weight'} 9"

    def test_without_primary_key_is_refused_as_ever(self) -> None:
        with pytest.raises(ValueError, match="primary key"):
            Parcel.objects.bulk_update([Parcel(code="a")], ["weight"])
