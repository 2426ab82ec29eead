"""Event -> row: keys, subjects and payloads, whatever they are made of."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.test import override_settings
from django.utils.safestring import mark_safe
from hypothesis import given, settings
from hypothesis import strategies as st

import outbox
from outbox.fields import MAX_KEY_BYTES
from outbox.models import OutboxEvent
from outbox.write.row import NewRow
from outbox_core.people.text import escape


@dataclass
class Keyed:
    key: Any
    subject: Any = None


@pytest.fixture(autouse=True)
def keyed(registered_for_this_test_only: None) -> None:
    outbox.event("test.keyed", topic="t", key="key", subject="subject")(Keyed)


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a", "a"),
        (7, "7"),
        (-1, "-1"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Size.BIG, "3"),
        (mark_safe("a&b"), "a&b"),
        ("ü" * (MAX_KEY_BYTES // 2), "ü" * (MAX_KEY_BYTES // 2)),
    ],
)
def test_key_is_the_text_of(key: object, text: str) -> None:
    assert NewRow.of(Keyed(key)).key == text


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, "is None; it has to be a str, an int or a UUID"),
        ("", "is empty"),
        ("a\x00b", "with a NUL character"),
        ("\ud800", "not valid Unicode"),
        ("ü" * (MAX_KEY_BYTES // 2 + 1), "is 1026 bytes long; at most 1024"),
        (True, "is True"),
        (1.5, "is 1.5"),
        (b"a", "is b'a'"),
    ],
)
def test_key_is_refused(key: object, reason: str) -> None:
    with pytest.raises(outbox.InvalidKey, match=rf"The key of test\.keyed \(key\) .*{reason}"):
        NewRow.of(Keyed(key))


@pytest.mark.parametrize("subject", ["", "\x00", "x" * 1025, 1.5])
def test_subject_is_refused_likewise(subject: object) -> None:
    with pytest.raises(outbox.InvalidSubject, match=r"The subject of test\.keyed"):
        NewRow.of(Keyed("a", subject))


def test_key_and_subject_may_be_computed() -> None:
    @outbox.event(
        "test.computed", topic="t", key=lambda event: f"{event.key}-1", subject=lambda event: event.subject
    )
    class Computed(Keyed):
        pass

    entry = NewRow.of(Computed("a"))
    assert (entry.key, entry.subject) == ("a-1", None)


def test_key_may_be_a_property() -> None:
    @outbox.event("test.computed", topic="t", key="both")
    class Computed(Keyed):
        @property
        def both(self) -> str:
            return f"{self.key}/{self.subject}"

    assert NewRow.of(Computed("a", "b")).key == "a/b"


def test_dataschema_and_version_travel_along() -> None:
    @outbox.event("test.schema", topic="t", key="key", version=3, dataschema="/schemas/3")
    class Described(Keyed):
        pass

    assert NewRow.of(Described("a")).headers == '{"dataversion":"3","dataschema":"/schemas/3"}'


@pytest.mark.django_db(transaction=True)
@settings(max_examples=60, deadline=None)
@given(key=st.text(), subject=st.none() | st.text())
def test_text_of_any_kind_is_stored_as_it_is_or_refused_before_it_is_sent(
    key: str, subject: str | None
) -> None:
    """Nothing that PostgreSQL could not take ever reaches it."""
    with transaction.atomic():
        try:
            (event_id,) = outbox.emit(Keyed(key, subject))
        except outbox.EventRejected:
            return
        row = OutboxEvent.objects.get(event_id=event_id)
        assert (row.key, row.subject) == (key, subject)
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "key", ["evil\n2026 CRITICAL", "a\x1b[2J", "a\u202eb", "a\x9bb", "a\u2028b", "a\x7f"]
)
def test_a_key_with_control_characters_is_refused_unless_that_is_allowed(key: str) -> None:
    with pytest.raises(outbox.InvalidKey, match="ALLOW_CONTROL_CHARACTERS") as error:
        NewRow.of(Keyed(key))
    assert escape(str(error.value)) == str(error.value)
    with pytest.raises(outbox.InvalidSubject, match="ALLOW_CONTROL_CHARACTERS"):
        NewRow.of(Keyed("k", key))
    with override_settings(OUTBOX={**django_settings.OUTBOX, "ALLOW_CONTROL_CHARACTERS": True}):
        assert NewRow.of(Keyed(key)).key == key


@pytest.mark.parametrize("key", ["\u0646\u0645\u06cc\u200c\u062e\u0648", "❤\ufe0f", "👩\u200d🚀", "注文"])
def test_keys_of_any_language_are_taken(key: str) -> None:
    assert NewRow.of(Keyed(key)).key == key


@pytest.mark.parametrize("key", ["x" * 10**6, "x" * 10**6 + "\x00", "\ud800" + "x" * 10**6, 10**6 * [1]])
def test_a_refusal_is_short_whatever_the_key(key: Any) -> None:
    with pytest.raises(outbox.InvalidKey) as error:
        NewRow.of(Keyed(key))
    assert len(str(error.value)) < 400
