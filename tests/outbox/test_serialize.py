"""``serialize=True``: writers of one key wait for each other."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

import outbox
from outbox.testing import CapturedEvents
from outbox.write.serialize import NAMESPACE
from tests.outbox.concurrency import in_background, wait_until_somebody_is_blocked
from tests.testapp.events import Note, Turn

pytestmark = pytest.mark.django_db(transaction=True)


def emit_in_a_transaction(*events: Turn | Note) -> None:
    with transaction.atomic():
        outbox.emit(*events)


def emit_ten_times(keys: list[str]) -> None:
    for _ in range(10):
        emit_in_a_transaction(*map(Turn, keys))


def locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE classid = %s AND pid = pg_backend_pid()",
            [NAMESPACE],
        )
        (count,) = cursor.fetchone()
    return int(count)


def test_the_second_writer_of_a_key_gets_its_id_after_the_commit_of_the_first(
    outbox_events: CapturedEvents,
) -> None:
    with transaction.atomic():
        outbox.emit(Turn("a"))
        second = in_background(lambda: emit_in_a_transaction(Turn("a")))
        wait_until_somebody_is_blocked()
        outbox.emit(Note("before the commit of the first"))
    second.result(30)
    assert [event.key for event in outbox_events] == ["a", "before the commit of the first", "a"]


def test_writers_of_other_keys_and_other_events_wait_for_nobody(outbox_events: CapturedEvents) -> None:
    with transaction.atomic():
        outbox.emit(Turn("a"))
        in_background(lambda: emit_in_a_transaction(Turn("b"))).result(30)
        in_background(lambda: emit_in_a_transaction(Note("a"))).result(30)
    assert len(outbox_events) == 3


def test_keys_in_any_order_do_not_deadlock() -> None:
    keys = [str(number) for number in range(40)]
    for writer in [in_background(partial(emit_ten_times, order)) for order in (keys, keys[::-1])]:
        writer.result(60)


def test_costs_one_statement_and_one_lock_a_key_whatever_the_number_of_events(
    django_assert_num_queries: Any,
) -> None:
    with transaction.atomic():
        with django_assert_num_queries(2):
            outbox.emit(Turn("a"), Turn("a"), Turn("b"), Note("c"))
        assert locks() == 2


class TestLimit:
    @pytest.fixture(autouse=True)
    def three_keys(self, settings: Any) -> None:
        settings.OUTBOX = {**settings.OUTBOX, "MAX_SERIALIZED_KEYS": 3}

    def test_refuses_too_many_keys_before_a_lock_is_taken(self) -> None:
        with transaction.atomic():
            with pytest.raises(outbox.TooManyKeys, match=r'4 keys .*"MAX_SERIALIZED_KEYS"\] is 3'):
                outbox.emit_many(Turn(key) for key in "abcd")
            assert locks() == 0

    def test_counts_the_keys_of_a_transaction_through_all_of_its_calls(
        self, outbox_events: CapturedEvents
    ) -> None:
        with transaction.atomic():
            for key in "abcabc":
                outbox.emit(Turn(key))
            with pytest.raises(outbox.TooManyKeys):
                outbox.emit(Turn("d"))
        assert [event.key for event in outbox_events] == list("abcabc")

    def test_begins_again_with_each_transaction(self) -> None:
        for key in "abcdef":
            emit_in_a_transaction(Turn(key))
        with transaction.atomic():
            outbox.emit(*map(Turn, "xyz"))
            transaction.set_rollback(True)
        emit_in_a_transaction(*map(Turn, "uvw"))


def test_one_transaction_takes_a_thousand_locks_at_most_by_default() -> None:
    """Ten thousand are more than a server has memory for."""
    with transaction.atomic():
        for hundred in range(10):
            outbox.emit(*(Turn(f"{hundred}.{number}") for number in range(100)))
        with pytest.raises(outbox.TooManyKeys):
            outbox.emit(Turn("one more"))
        assert locks() <= 1_001
