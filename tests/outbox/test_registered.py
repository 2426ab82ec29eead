"""``outbox_events`` lists what is registered, and where."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.signals import post_save
from django.dispatch import Signal
from pytest_django import Settings

import outbox
from outbox.capture.receivers import registered
from outbox.operations.registered import EVERY, topics
from tests.testapp.events import Note, ParcelSaved

happened = Signal()


def listed() -> Any:
    out = StringIO()
    call_command("outbox_events", "--json", stdout=out)
    return json.loads(out.getvalue())


def printed() -> str:
    out = StringIO()
    call_command("outbox_events", stdout=out)
    return out.getvalue()


@pytest.fixture
def noted() -> Iterator[None]:
    """A receiver of two signals: one of a model, one of every sender."""
    before = list(registered)

    @outbox.receiver(post_save, sender="testapp.Parcel", dispatch_uid="listing")
    @outbox.receiver(happened, dispatch_uid="listing")
    def note(**kwargs: Any) -> Note | None:
        return None

    yield
    for each in [each for each in registered if each not in before]:
        each.disconnect()


def test_an_event_has_its_topic_with_the_prefix_and_the_line_that_defines_it(settings: Settings) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "TOPIC_PREFIX": "eu."}
    event = next(each for each in listed()["events"] if each["type"] == "test.parcel.saved")
    module, _, number = event["where"].partition(":")
    assert module == "tests.testapp.events"
    assert int(number) == inspect.getsourcelines(ParcelSaved)[1]
    del event["where"]
    assert event == {
        "type": "test.parcel.saved",
        "version": 2,
        "topic": "eu.test.parcels",
        "key": "parcel_id",
        "tombstone": False,
        "serialize": False,
        "cls": "ParcelSaved",
        "receivers": event["receivers"],
    }
    assert "eu.test.parcels" in topics()


def test_a_receiver_has_its_signals_and_the_events_of_its_annotation(noted: None) -> None:
    found = [each for each in listed()["receivers"] if each["name"].endswith("noted.<locals>.note")]
    connections = [(pair["signal"], pair["sender"]) for each in found for pair in each["connections"]]
    assert (f"{__name__}.happened", EVERY) in connections
    assert ("post_save", "testapp.Parcel") in connections
    assert {tuple(each["events"]) for each in found} == {("test.note",)}
    event = next(each for each in listed()["events"] if each["type"] == "test.note")
    assert set(event["receivers"]) >= {each["name"] for each in found}


def test_it_reads_well_on_80_columns(noted: None) -> None:
    shown = printed()
    assert max(map(len, shown.splitlines())) <= 80
    assert "test.parcel.saved" in shown
    assert "tests.testapp.events:" in shown
