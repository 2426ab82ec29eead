"""The CloudEvents source belongs to the event: relays with other settings cannot give it another one."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.test import override_settings

import outbox
from tests.relay.conftest import Desk, Writer, pause, resume
from tests.testapp.events import Note


def sources(office: Desk) -> list[bytes]:
    office.drain()
    return [dict(record.headers)["ce_source"] for record in office.broker.records]


def test_the_source_is_that_of_the_writer(desk: Callable[..., Desk]) -> None:
    office = desk()
    for source in ("/old", "/new"):
        with override_settings(OUTBOX={"SOURCE": source}), transaction.atomic():
            outbox.emit(Note("a"))
            outbox.emit(Note("b"), Note("c"))
    assert sources(office) == [b"/old"] * 3 + [b"/new"] * 3


def test_a_row_without_a_source_gets_that_of_the_relay(
    desk: Callable[..., Desk], writer: Callable[[], Writer]
) -> None:
    """Rows that other programs write."""
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    assert sources(office) == [b"/test"]


def test_held_events_keep_their_source(desk: Callable[..., Desk]) -> None:
    office = desk()
    pause("test.notes")
    with override_settings(OUTBOX={"SOURCE": "/held"}), transaction.atomic():
        outbox.emit(Note("a"))
    office.drain()
    assert not office.broker.records
    resume("test.notes")
    assert sources(office) == [b"/held"]
