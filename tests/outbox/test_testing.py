"""What the outbox offers to tests of code that emits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase

import outbox
from outbox.testing import CapturedEvents, assert_emitted, captured_events
from tests.testapp.events import Note, ParcelDeleted, ParcelSaved


class TestInAPlainTestCase(TestCase):
    def test_rows_are_visible_in_the_tests_own_transaction(self) -> None:
        with captured_events() as events:
            outbox.emit(Note("a", "text"))
        (event,) = events
        assert (event.type, event.key, event.data) == ("test.note", "a", {"about": "a", "text": "text"})
        assert_emitted("test.note", key="a", payload__contains={"text": "text"})


@pytest.mark.django_db
class TestCapturedEvents:
    def test_are_those_of_the_block_only(self) -> None:
        outbox.emit(Note("before"))
        with captured_events() as events:
            assert not events
            outbox.emit(Note("a"))
            assert events.types == ["test.note"]
            outbox.emit(ParcelDeleted(parcel_id=1))
        outbox.emit(Note("behind"))
        assert events.types == ["test.note", "test.parcel.deleted"]
        assert [event.data for event in events[1:]] == [None]

    def test_are_not_those_of_a_savepoint_that_rolled_back(self, outbox_events: CapturedEvents) -> None:
        with transaction.atomic():
            outbox.emit(Note("a"))
            transaction.set_rollback(True)
        assert len(outbox_events) == 0


@pytest.mark.django_db
class TestAssertEmitted:
    @pytest.fixture(autouse=True)
    def emitted(self, outbox_events: CapturedEvents) -> None:
        outbox.emit(
            ParcelSaved(parcel_id=1, code="a"),
            ParcelSaved(parcel_id=2, code="b", weight=3),
            ParcelDeleted(parcel_id=2),
        )

    @pytest.mark.parametrize(
        ("asked", "options"),
        [
            ("test.parcel.saved", {}),
            (ParcelSaved, {"key": 2}),
            (ParcelSaved, {"key": "2", "payload__contains": {"code": "b", "weight": 3}}),
            (ParcelDeleted, {"key": 2}),
        ],
    )
    def test_finds(self, outbox_events: CapturedEvents, asked: Any, options: dict[str, Any]) -> None:
        assert assert_emitted(asked, **options) == outbox_events.assert_emitted(asked, **options)

    @pytest.mark.parametrize(
        ("asked", "options"),
        [
            ("test.parcel", {}),
            (Note, {}),
            (ParcelSaved, {"key": 3}),
            (ParcelSaved, {"key": 1, "payload__contains": {"code": "b"}}),
            (ParcelDeleted, {"payload__contains": {"parcel_id": 2}}),
        ],
    )
    def test_fails_with_what_there_is(
        self, outbox_events: CapturedEvents, asked: Any, options: dict[str, Any]
    ) -> None:
        with pytest.raises(AssertionError, match=r"Not emitted: test\.(.|\n)*test\.parcel\.saved 1: {'"):
            outbox_events.assert_emitted(asked, **options)

    def test_looks_into_the_payload_as_postgresql_does(self, outbox_events: CapturedEvents) -> None:
        @outbox.event("test.nested", topic="t", key=lambda event: "k")
        @dataclass
        class Nested:
            text: Any

        nested: Any = {"price": Decimal("1.50"), "lines": [{"id": 1, "name": "x"}, {"id": 2}], "paid": True}
        outbox.emit(Nested(nested))
        parts: list[Any] = [{"price": Decimal("1.50")}, {"lines": [{"id": 2}]}, {}]
        for part in parts:
            outbox_events.assert_emitted(Nested, payload__contains={"text": part})
        missing: list[Any] = [{"lines": [{"id": 3}]}, {"paid": 1}, {"lines": [{"id": True}]}]
        for part in missing:
            outbox_events.assert_not_emitted(Nested, payload__contains={"text": part})
