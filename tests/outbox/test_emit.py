"""``emit`` writes events in the caller's transaction, or says why it does not."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connection, connections, transaction

import outbox
from outbox.models import OutboxEvent
from outbox.testing import CapturedEvents
from outbox.write import writing
from tests.testapp.events import Note, ParcelDeleted, ParcelSaved

pytestmark = pytest.mark.django_db
both = pytest.mark.django_db(transaction=True, databases=["default", "other"])


def test_the_row_is_what_the_event_type_says(settings: Any) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "TOPIC_PREFIX": "stage."}
    (event_id,) = outbox.emit(ParcelSaved(parcel_id=7, code="ü"))
    row = OutboxEvent.objects.get(event_id=event_id)
    assert (row.type, row.topic, row.key, row.subject) == (
        "test.parcel.saved",
        "stage.test.parcels",
        "7",
        "ü",
    )
    assert row.payload == '{"parcel_id":7,"code":"ü","weight":0,"created":false}'.encode()
    assert row.content_type == "application/json"
    assert row.headers == {"dataversion": "2"}
    assert row.bucket == zlib.crc32(b"7") % 256
    assert row.event_id.version == 7


def test_a_tombstone_has_no_payload() -> None:
    (event_id,) = outbox.emit(ParcelDeleted(parcel_id=7))
    assert OutboxEvent.objects.get(event_id=event_id).payload is None


@pytest.mark.parametrize("count", [1, 2, writing.MANY - 1])
def test_a_few_events_are_one_statement_in_their_order(
    count: int, outbox_events: CapturedEvents, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        event_ids = outbox.emit_many(Note(str(number)) for number in range(count))
    written = list(outbox_events)
    assert [event.key for event in written] == [str(number) for number in range(count)]
    assert [event.event_id for event in written] == event_ids
    assert event_ids == sorted(event_ids)


def test_tombstones_and_payloads_can_be_mixed(outbox_events: CapturedEvents) -> None:
    outbox.emit(ParcelDeleted(parcel_id=1), ParcelDeleted(parcel_id=2))
    outbox.emit(ParcelDeleted(parcel_id=3), Note("a"))
    assert [event.data and event.data["about"] for event in outbox_events] == [None, None, None, "a"]


def test_no_events_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert outbox.emit_many([]) == []


class TestTransaction:
    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.mark.parametrize("emit", [outbox.emit, lambda event: outbox.emit_many([event])])
    def test_is_required(self, emit: Callable[[object], list[UUID]]) -> None:
        with pytest.raises(
            outbox.TransactionRequired, match=r"`with transaction\.atomic\(using='default'\):`"
        ):
            emit(Note("a"))
        assert not OutboxEvent.objects.filter(type="test.note").exists()

    @both
    def test_of_another_database_is_pointed_out(self) -> None:
        with transaction.atomic(using="other"):
            with pytest.raises(outbox.TransactionRequired, match="pass using='other'"):
                outbox.emit(Note("a"))

    @both
    def test_of_another_database_has_an_outbox_of_its_own(self) -> None:
        with transaction.atomic(using="other"):
            outbox.emit(Note("a"), using="other")
        assert OutboxEvent.objects.using("other").filter(type="test.note").exists()
        assert not OutboxEvent.objects.filter(type="test.note").exists()

    def test_that_rolls_back_leaves_nothing(self, outbox_events: CapturedEvents) -> None:
        with transaction.atomic():
            outbox.emit(Note("a"))
            transaction.set_rollback(True)
        assert not outbox_events

    def test_keeps_what_is_outside_of_a_savepoint_that_rolls_back(
        self, outbox_events: CapturedEvents
    ) -> None:
        with transaction.atomic():
            outbox.emit(Note("before"))
            with transaction.atomic():
                outbox.emit(Note("inside"))
                transaction.set_rollback(True)
            outbox.emit(Note("after"))
        assert [event.key for event in outbox_events] == ["before", "after"]

    def test_id_is_the_one_of_the_whole_transaction_also_in_a_savepoint(self) -> None:
        with transaction.atomic():
            outbox.emit(Note("a"))
            with transaction.atomic():
                outbox.emit(Note("b"))
        assert len(set(OutboxEvent.objects.filter(type="test.note").values_list("xid", flat=True))) == 1

    def test_may_be_one_of_a_database_with_autocommit_off(self, outbox_events: CapturedEvents) -> None:
        transaction.set_autocommit(False)
        try:
            outbox.emit(Note("rolled back"))
            transaction.rollback()
            outbox.emit(Note("committed"))
            transaction.commit()
        finally:
            transaction.rollback()
            transaction.set_autocommit(True)
        assert [event.key for event in outbox_events] == ["committed"]


class TestRejection:
    """The caller gets it before anything is written, and the transaction goes on."""

    @pytest.fixture(autouse=True)
    def nothing_is_written(self, outbox_events: CapturedEvents) -> Iterator[None]:
        yield
        assert not outbox_events
        assert not connection.needs_rollback

    def test_of_a_class_that_is_no_event(self) -> None:
        @dataclass
        class Unknown:
            about: str

        with pytest.raises(outbox.UnknownEventType, match=r"Unknown is not an event"):
            outbox.emit(Unknown("a"))

    def test_of_an_event_decorated_in_the_wrong_order(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="above @dataclass"):

            @dataclass(slots=True)
            @outbox.event("test.wrong", topic="t", key="about")
            class Wrong:
                about: str

    def test_of_one_event_is_one_of_all(self) -> None:
        with pytest.raises(outbox.InvalidKey):
            outbox.emit(Note("a"), Note(""))

    def test_of_what_is_too_large_names_size_limit_and_setting(self, settings: Any) -> None:
        settings.OUTBOX = {**settings.OUTBOX, "MAX_EVENT_BYTES": 1_000}
        with pytest.raises(
            outbox.EventTooLarge, match=r'test\.note is 1,023 bytes.*"MAX_EVENT_BYTES"\] is 1,000'
        ):
            outbox.emit(Note("a", "x" * 1_000))

    def test_of_a_database_of_another_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections["default"], "vendor", "mysql")
        with pytest.raises(ImproperlyConfigured, match="needs PostgreSQL"):
            outbox.emit(Note("a"))


@pytest.mark.django_db(transaction=True)
class TestTables:
    def test_that_are_missing_are_named_with_the_command(self) -> None:
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL search_path = pg_catalog")
            with pytest.raises(outbox.TablesMissing, match="migrate outbox --database default"):
                outbox.emit(Note("a"))

    def test_are_found_in_the_schema_of_the_settings_whatever_the_search_path(
        self, settings: Any, outbox_events: CapturedEvents
    ) -> None:
        settings.OUTBOX = {**settings.OUTBOX, "SCHEMA": "public"}
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL search_path = pg_catalog")
            outbox.emit(Note("a"))
            outbox.emit(Note("b"), Note("c"))
        assert len(outbox_events) == 3


def test_other_database_errors_are_left_as_they_are_and_end_the_transaction() -> None:
    """A caller who swallows one cannot commit: PostgreSQL would answer with a silent rollback."""
    with transaction.atomic():
        connection.cursor().execute("ALTER TABLE outbox_event DROP COLUMN subject")
        with pytest.raises(ProgrammingError, match="subject"):
            outbox.emit(Note("a"))
        assert connection.needs_rollback
