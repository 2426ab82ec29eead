"""Many events are written by COPY: the same rows as by INSERT, in every respect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

import outbox
from outbox.models import OutboxEvent
from outbox.testing import CapturedEvents
from outbox.write import emit, writing
from outbox.write.row import NewRow
from outbox.write.uuid7 import uuid7
from tests.testapp.events import Note, ParcelDeleted, ParcelSaved, Turn
from tests.testapp.models import Parcel

pytestmark = pytest.mark.django_db
COLUMNS = ["bucket", "topic", "key", "type", "subject", "payload", "headers", "source", "content_type"]
MANY = [Note(str(number)) for number in range(writing.MANY)]


@contextmanager
def statements() -> Iterator[list[str]]:
    """The outbox's first words to PostgreSQL."""
    seen = list[str]()
    with CaptureQueriesContext(connection) as queries:
        yield seen
    seen += [query["sql"].split()[0] for query in queries]


def test_many_events_are_copied_and_few_are_not() -> None:
    with statements() as many:
        outbox.emit_many(MANY)
    with statements() as few:
        outbox.emit_many(MANY[1:])
    assert (many, few) == (["SELECT", "COPY"], ["INSERT"])


def test_ids_follow_the_order_of_the_arguments(outbox_events: CapturedEvents) -> None:
    event_ids = outbox.emit_many(Note(str(number)) for number in range(1_000))
    assert [event.event_id for event in outbox_events] == event_ids
    assert [event.key for event in outbox_events] == [str(number) for number in range(1_000)]


def test_the_rows_are_those_of_an_insert(settings: Any) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "TOPIC_PREFIX": "stage."}
    events: list[Any] = [
        ParcelSaved(parcel_id=-7, code="ü\U0001f4e6\\N"),
        ParcelDeleted(parcel_id=7),
        Note("a\\b", "\x7f" * 300_000),
        Turn("d"),
    ]
    written = []
    for most in (1, 100):
        with patch.object(writing, "MANY", most), outbox.context.attributes(tenant='"ü'):
            event_ids = outbox.emit_many(events)
        found = {each.event_id: each for each in OutboxEvent.objects.filter(event_id__in=event_ids)}
        written.append([[getattr(found[each], name) for name in COLUMNS] for each in event_ids])
    copied, inserted = written
    assert copied == inserted


def test_events_of_many_keys_and_topics_go_together(outbox_events: CapturedEvents) -> None:
    outbox.emit_many([*MANY, ParcelSaved(parcel_id=1, code="a"), Turn("b"), *MANY])
    assert len(outbox_events) == 2 * len(MANY) + 2
    assert {event.topic for event in outbox_events} == {"test.notes", "test.parcels", "test.turns"}


def test_keys_that_serialize_are_locked_before() -> None:
    with CaptureQueriesContext(connection) as queries:
        outbox.emit_many([*MANY, Turn("a")])
    locks, _, copy = [query["sql"] for query in queries]
    assert "pg_advisory_xact_lock" in locks
    assert copy.lstrip().startswith("COPY")


def test_a_bulk_write_copies_its_events(outbox_events: CapturedEvents) -> None:
    @outbox.receiver(post_save, sender=Parcel)
    def saved(instance: Parcel, **kwargs: Any) -> Note:
        return Note(instance.code)

    with statements() as seen:
        Parcel.objects.bulk_create([Parcel(code=str(number)) for number in range(writing.MANY)])
    assert seen.count("COPY") == 1
    assert [event.key for event in outbox_events] == [str(number) for number in range(writing.MANY)]


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_rolls_back_takes_its_copied_events_along(outbox_events: CapturedEvents) -> None:
    with transaction.atomic():
        outbox.emit_many(MANY)
        with transaction.atomic():
            outbox.emit_many(MANY)
            transaction.set_rollback(True)
        outbox.emit(Note("last"))
    assert [event.key for event in outbox_events] == [*(str(n) for n in range(len(MANY))), "last"]
    assert len(set(OutboxEvent.objects.filter(type="test.note").values_list("xid", flat=True))) == 1


class TestErrors:
    def test_are_the_ones_of_django_and_end_the_transaction(self) -> None:
        (taken,) = outbox.emit(Note("a"))
        rows = [NewRow.of(event) for event in MANY]
        with transaction.atomic():
            with pytest.raises(IntegrityError, match="outbox_event_event_id"):
                emit.insert([*rows, rows[0]._replace(event_id=taken)], "default")
            assert connection.needs_rollback
            connection.needs_rollback = False
            transaction.set_rollback(True)

    def test_of_a_constraint_name_it(self) -> None:
        rows = [NewRow.of(event)._replace(headers='{"n": 1}', event_id=uuid7()) for event in MANY]
        with pytest.raises(IntegrityError, match="outbox_event_headers"), transaction.atomic():
            emit.insert(rows, "default")

    def test_of_missing_tables_name_the_command(self) -> None:
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL search_path = pg_catalog")
            with pytest.raises(outbox.TablesMissing, match="migrate outbox --database default"):
                outbox.emit_many(MANY)
            transaction.set_rollback(True)

    def test_of_one_event_come_before_anything_is_written(self, outbox_events: CapturedEvents) -> None:
        with statements() as seen, pytest.raises(outbox.InvalidKey):
            outbox.emit_many([*MANY, Note("")])
        assert (seen, list(outbox_events), connection.needs_rollback) == ([], [], False)


class TestInstrumentation:
    def test_wrappers_of_statements_see_the_copy(self) -> None:
        seen = []

        def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            seen.append((sql.split()[0], context["connection"].alias))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(wrapper):
            outbox.emit_many(MANY)
        assert seen == [("SELECT", "default"), ("COPY", "default")]

    def test_a_wrapper_may_refuse_it(self, outbox_events: CapturedEvents) -> None:
        def refuse(execute: Any, sql: str, *rest: Any) -> Any:
            if sql.lstrip().startswith("COPY"):
                raise PermissionError("no writes here")
            return execute(sql, *rest)

        with pytest.raises(PermissionError), transaction.atomic(), connection.execute_wrapper(refuse):
            outbox.emit_many(MANY)
        assert not outbox_events


class TestWhereThereIsNoCopy:
    """Events are inserted, as a few are."""

    @pytest.fixture(autouse=True)
    def inserted(self, outbox_events: CapturedEvents) -> Iterator[None]:
        with CaptureQueriesContext(connection) as queries:
            yield
        assert not [query for query in queries if query["sql"].lstrip().startswith("COPY")]
        assert len(outbox_events) == len(MANY)

    def test_for_a_role_with_row_level_security(self) -> None:
        cursor = connection.cursor()
        for statement in (
            "CREATE ROLE copy_writer",
            "GRANT INSERT ON outbox_event TO copy_writer",
            "ALTER TABLE outbox_event ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY all_rows ON outbox_event USING (true)",
            "SET LOCAL ROLE copy_writer",
        ):
            cursor.execute(statement)
        outbox.emit_many(MANY)
        cursor.execute("RESET ROLE")

    def test_in_a_pipeline(self) -> None:
        connection.ensure_connection()
        assert connection.connection is not None
        with connection.connection.pipeline():
            outbox.emit_many(MANY)

    def test_on_a_cursor_of_another_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make = connection.cursor
        monkeypatch.setattr(connection, "cursor", lambda *given, **options: Plain(make(*given, **options)))
        outbox.emit_many(MANY)
        monkeypatch.undo()

    def test_on_a_connection_of_another_encoding(self) -> None:
        connection.cursor().execute("SET client_encoding = 'latin1'")
        outbox.emit_many(MANY)
        connection.cursor().execute("SET client_encoding = 'utf8'")


class Plain:
    """A cursor that can execute and fetch, and nothing else."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.execute, self.fetchall = cursor.execute, cursor.fetchall

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *error: Any) -> None:
        self._cursor.close()
