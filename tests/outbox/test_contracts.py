"""A contract between services of one repository: what one emits, the other handles, without Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest
from django.test import override_settings

import outbox
from inbox.conf import settings as inbox_settings
from inbox.errors import NoHandler, Poison
from inbox.handling.registry import Registry, registry
from inbox.testing import MemoryConsumer
from outbox.testing import CapturedEvents, assert_not_emitted, deliver
from outbox_core.wire.event import Event
from tests.testapp.events import Note, ParcelDeleted, ParcelSaved
from tests.testapp.models import Parcel

pytestmark = pytest.mark.django_db
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Text:
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Numbered:
    about: int


def consumer(name: str, handlers: Registry, *topics: str) -> MemoryConsumer:
    return MemoryConsumer(name, handlers=handlers, topics=topics or ("test.notes",))


@pytest.fixture
def seen() -> list[Any]:
    return []


@pytest.fixture
def reader(seen: list[Any]) -> MemoryConsumer:
    handlers = Registry()

    @handlers.handler("test.note")
    def read(text: Text, event: Event) -> None:
        seen.append((text, event.key))

    return consumer("reader", handlers)


def test_what_was_emitted_is_handled_once(reader: MemoryConsumer, seen: list[Any]) -> None:
    outbox.emit(Note("a", "one"), ParcelSaved(parcel_id=1, code="x"))
    assert deliver(to=reader) is reader
    outbox.emit(Note("a", "two"))
    deliver(to=reader)
    assert seen == [(Text("a", "one"), "a"), (Text("a", "two"), "a")]
    assert reader.assert_handled("test.note", key="a").subject is None


def test_a_producer_that_breaks_the_contract_fails_the_test(seen: list[Any]) -> None:
    handlers = Registry()

    @handlers.handler("test.note")
    def read(number: Numbered) -> None:
        seen.append(number)

    outbox.emit(Note("a", "one"))
    with pytest.raises(Poison, match="about"):
        deliver(to=consumer("reader", handlers))


def test_an_event_that_the_consumer_does_not_know_fails_the_test() -> None:
    outbox.emit(Note("a"))
    with pytest.raises(NoHandler, match=r"test\.note"):
        deliver(to=consumer("reader", Registry()))


@contextmanager
def registered(type_: str, seen: list[Any]) -> Iterator[None]:
    """A handler of the project."""

    @registry.handler(type_)
    def read(event: Event) -> None:
        seen.append(event.key)

    try:
        yield
    finally:
        registry._handlers = [handler for handler in registry if handler.function is not read]


def test_the_name_of_a_consumer_is_enough(seen: list[Any]) -> None:
    inbox = {"CONSUMERS": {"reader": {"TOPICS": ["test.notes"], "HANDLERS": [__name__]}}}
    with override_settings(INBOX=inbox), registered("test.note", seen):
        assert inbox_settings().consumer("reader").topics == ("test.notes",)
        outbox.emit(Note("a"))
        for _ in range(2):
            deliver(to="reader").assert_handled("test.note", key="a")
    assert seen == ["a"]


def test_cause_and_trace_pass_through_three_services(outbox_events: CapturedEvents, seen: list[Any]) -> None:
    second, third = Registry(), Registry()

    @second.handler("test.note")
    def ship(note: Text) -> None:
        outbox.emit(ParcelSaved(parcel_id=7, code=note.about))

    @third.handler("test.parcel.saved")
    def log(event: Event) -> None:
        seen.append(event)

    with outbox.context(traceparent=PARENT, tracestate="vendor=1", correlation_id="order-1"):
        outbox.emit(Note("a"))
    deliver(to=consumer("second", second))
    deliver(to=consumer("third", third, "test.parcels"))
    note, parcel = outbox_events
    (event,) = seen
    assert event.id == str(parcel.event_id)
    assert event.headers["causationid"] == str(note.event_id)
    assert event.headers["traceparent"] == PARENT
    assert event.headers["tracestate"] == "vendor=1"
    assert event.headers["correlationid"] == "order-1"


def test_the_scope_of_a_handler_wins_over_the_event(outbox_events: CapturedEvents) -> None:
    handlers = Registry()

    @handlers.handler("test.note")
    def ship(note: Text) -> None:
        with outbox.context(causation_id="mine"):
            outbox.emit(ParcelSaved(parcel_id=7, code=note.about))

    outbox.emit(Note("a"))
    deliver(to=consumer("second", handlers))
    assert outbox_events[1].headers["causationid"] == "mine"


def test_values_of_foreign_producers_that_cannot_travel_are_left_out(outbox_events: CapturedEvents) -> None:
    handlers = Registry()

    @handlers.handler("foreign")
    def ship(event: Event) -> None:
        outbox.emit(Note("a"))

    foreign = consumer("second", handlers)
    attributes = {"traceparent": "nonsense", "tracestate": "vendor=1", "correlationid": "with space"}
    foreign.send("foreign", {}, event_id="e 1", **attributes)
    foreign.send("foreign", {}, event_id="e2")
    foreign.drain()
    first, second = outbox_events
    assert not {"traceparent", "tracestate", "correlationid", "causationid"} & first.headers.keys()
    assert second.headers["causationid"] == "e2"


def test_nothing_remains_of_a_handled_event(reader: MemoryConsumer, outbox_events: CapturedEvents) -> None:
    outbox.emit(Note("a"))
    deliver(to=reader)
    outbox.emit(Note("b"))
    assert "causationid" not in outbox_events[1].headers


class TestAssertNotEmitted:
    def test_passes_where_nothing_fits(self, outbox_events: CapturedEvents) -> None:
        outbox.emit(Note("a", "text"))
        for options in ({"key": "b"}, {"payload__contains": {"text": "other"}}):
            outbox_events.assert_not_emitted(Note, **options)
            assert_not_emitted(Note, **options)
        outbox_events.assert_not_emitted(ParcelSaved)

    @pytest.mark.parametrize(
        ("asked", "part", "error"),
        [
            ("test.not", None, "Did you mean 'test.note'"),
            (Parcel, None, "Parcel is not an event"),
            (Note("a"), None, "Note is not an event"),
            (Note, {"txt": "a"}, "a field 'txt': it has about, text"),
            (ParcelDeleted, {"parcel_id": 1}, "it has nothing"),
        ],
    )
    def test_refuses_what_can_never_be_found(self, asked: Any, part: Any, error: str) -> None:
        for check in (CapturedEvents().assert_not_emitted, assert_not_emitted):
            with pytest.raises(ValueError, match=error):
                check(asked, payload__contains=part)

    def test_compares_values_as_their_fields_declare_them(self, outbox_events: CapturedEvents) -> None:
        class Priced(outbox.Event, type="test.priced", topic="t", key="name"):
            name: str
            price: Annotated[Decimal, outbox.Places(2)]

        outbox.emit(Priced("a", Decimal("9.9")))
        for price in (Decimal("9.9"), Decimal("9.900"), "9.90"):
            outbox_events.assert_emitted(Priced, payload__contains={"price": price})
        outbox_events.assert_not_emitted(Priced, payload__contains={"price": 9})

    def test_shows_what_was_emitted(self, outbox_events: CapturedEvents) -> None:
        outbox.emit(Note("a", "text"))
        for check in (outbox_events.assert_not_emitted, assert_not_emitted):
            with pytest.raises(
                AssertionError, match=r"test\.note a: \{'about': 'a', 'text': 'text'\}"
            ) as info:
                check("test.note", key="a")
            assert [str(e.path) for e in info.traceback if not e.ishidden(info)] == [__file__]
