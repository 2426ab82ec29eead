"""``OUTBOX["KEY_ATTRIBUTES"]``: each tenant has keys, and thus order and holds, of its own."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

import outbox
from outbox.testing import CapturedEvents
from outbox.write.buckets import bucket_of
from outbox.write.key_scope import scoped
from outbox.write.row import NewRow
from tests.testapp.events import Note

texts = st.text(alphabet="a:%3A", min_size=1, max_size=4)


@pytest.fixture(autouse=True)
def by_tenant(settings: Any) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "KEY_ATTRIBUTES": ["tenant"]}


def test_the_key_begins_with_the_attribute_wherever_it_is_from() -> None:
    with outbox.context.attributes(tenant="t1"):
        row = NewRow.of(Note("1"))
        assert (row.key, row.bucket) == ("t1:1", bucket_of("t1:1"))
        assert NewRow.of(Note("1"), {"tenant": "t2"}).key == "t2:1"
    with outbox.context.attributes(tenant="a:1"):
        assert NewRow.of(Note("1")).key == "a%3A1:1"


@given(st.tuples(texts, texts, texts), st.tuples(texts, texts, texts))
def test_two_keys_are_equal_only_if_attributes_and_key_are(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    def key(tenant: str, region: str, own: str) -> str:
        return scoped(own, ("tenant", "region"), {"tenant": tenant, "region": region}, "test")

    assert (key(*one) == key(*other)) is (one == other)


def test_an_event_without_the_attribute_is_refused() -> None:
    with pytest.raises(outbox.InvalidKey, match=r"test\.note has no attribute 'tenant'.*KEY_ATTRIBUTES"):
        NewRow.of(Note("1"))


@pytest.mark.parametrize("tenant", ["\u202e", "x" * 1024])
def test_the_whole_key_keeps_the_rules_of_keys(tenant: str) -> None:
    with pytest.raises(outbox.InvalidKey, match=r"key of test\.note with its attributes"):
        NewRow.of(Note("1"), {"tenant": tenant})


def test_the_listing_shows_keys_with_their_attributes() -> None:
    call_command("outbox_events", "--json", stdout=(out := StringIO()))
    keys = {event["type"]: event["key"] for event in json.loads(out.getvalue())["events"]}
    assert keys["test.note"] == "tenant:about"


@pytest.mark.django_db
def test_the_key_and_its_attributes_reach_the_row(outbox_events: CapturedEvents) -> None:
    outbox.emit(Note("1"), attributes={"tenant": "t1"})
    assert (outbox_events[0].key, outbox_events[0].headers["tenant"]) == ("t1:1", "t1")
