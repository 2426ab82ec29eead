"""The events of tags."""

from __future__ import annotations

import pytest

from outbox.testing import CapturedEvents
from shop.models import Product, Tag

TAGGED, UNTAGGED = "shop.product.tagged", "shop.product.untagged"


@pytest.fixture
def jazz(db: None) -> Tag:
    return Tag.objects.create(name="jazz")


@pytest.fixture
def loud(db: None) -> Tag:
    return Tag.objects.create(name="loud")


def told(events: CapturedEvents) -> list[tuple[str, int, list[str]]]:
    return [(event.type, event.data["product_id"], event.data["tags"]) for event in events]


def test_tags_put_on_a_record_are_told_in_one_event(
    record: Product, jazz: Tag, loud: Tag, outbox_events: CapturedEvents
) -> None:
    record.tags.add(loud, jazz)
    assert told(outbox_events) == [(TAGGED, record.pk, ["jazz", "loud"])]
    assert outbox_events[0].key == str(record.pk)


def test_a_tag_that_is_there_already_is_no_news(
    record: Product, jazz: Tag, outbox_events: CapturedEvents
) -> None:
    record.tags.add(jazz)
    record.tags.add(jazz)
    assert told(outbox_events) == [(TAGGED, record.pk, ["jazz"])]


def test_only_tags_that_were_there_are_taken_off(
    record: Product, jazz: Tag, loud: Tag, outbox_events: CapturedEvents
) -> None:
    record.tags.add(jazz)
    record.tags.remove(jazz, loud)
    record.tags.remove(jazz)
    assert told(outbox_events)[1:] == [(UNTAGGED, record.pk, ["jazz"])]


def test_clearing_names_what_was_there(
    record: Product, jazz: Tag, loud: Tag, outbox_events: CapturedEvents
) -> None:
    record.tags.add(jazz, loud)
    record.tags.clear()
    assert told(outbox_events)[1:] == [(UNTAGGED, record.pk, ["jazz", "loud"])]


def test_setting_tags_tells_the_difference(
    record: Product, jazz: Tag, loud: Tag, outbox_events: CapturedEvents
) -> None:
    record.tags.add(jazz)
    record.tags.set([loud])
    assert told(outbox_events)[1:] == [(UNTAGGED, record.pk, ["jazz"]), (TAGGED, record.pk, ["loud"])]


def test_from_the_tag_s_side_each_record_has_its_event(
    record: Product, other_record: Product, jazz: Tag, outbox_events: CapturedEvents
) -> None:
    jazz.products.add(record, other_record)
    jazz.products.remove(record)
    jazz.products.clear()
    assert told(outbox_events) == [
        (TAGGED, record.pk, ["jazz"]),
        (TAGGED, other_record.pk, ["jazz"]),
        (UNTAGGED, record.pk, ["jazz"]),
        (UNTAGGED, other_record.pk, ["jazz"]),
    ]


def test_a_deleted_tag_is_taken_off_its_records(
    record: Product, jazz: Tag, outbox_events: CapturedEvents
) -> None:
    """Django sends no m2m_changed for the links that go with it."""
    record.tags.add(jazz)
    Tag.objects.filter(name="jazz").delete()
    assert told(outbox_events)[1:] == [(UNTAGGED, record.pk, ["jazz"])]
