"""A receiver of post_save that saves the same row again: events stay in the order of what they tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db.models.signals import post_save, pre_save

import outbox
from outbox.models import OutboxEvent
from tests.testapp.events import ParcelSaved
from tests.testapp.models import Parcel


@pytest.mark.django_db
@pytest.mark.parametrize("is_of_the_outbox", [False, True])
def test_event_built_before_a_save_comes_before_that_of_a_save_within(is_of_the_outbox: bool) -> None:
    @outbox.receiver(pre_save, sender=Parcel)
    def built_before(instance: Parcel, **kwargs: Any) -> ParcelSaved:
        return ParcelSaved(parcel_id=1, code=instance.code, weight=instance.weight)

    def save_again(instance: Parcel, created: bool, **kwargs: Any) -> None:
        if created:
            instance.weight = 5
            instance.save()

    if is_of_the_outbox:
        outbox.receiver(post_save, sender=Parcel)(save_again)
    else:
        post_save.connect(save_again, sender=Parcel, weak=False)
    try:
        Parcel(code="n", weight=0).save()
    finally:
        post_save.disconnect(save_again, sender=Parcel)
    events = OutboxEvent.objects.filter(type="test.parcel.saved").order_by("id")
    weights = [json.loads(bytes(event.payload or b""))["weight"] for event in events]
    assert weights == [0, 5]
