"""Bulk work: in chunks, resumable, recorded in the transactions that do it, honest about the rest."""

from __future__ import annotations

import json
from datetime import timedelta
from unittest import mock

import pytest
from django.db import DatabaseError, connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from outbox.models import Held, Hold, Ledger, Operation
from outbox.operations import discarding, retention
from outbox.operations.bulk import operations
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import CHUNK, LEAST_CHUNK, TRIES, next_size
from outbox_core.operations.ledger import LedgerQuerySet
from tests.admin.conftest import Log
from tests.people.orders import begun, carry, do, due, order


def test_release_is_done_in_chunks_and_each_counts_events(holds: list[Hold]) -> None:
    row = begun("release")
    seen = [(now.done, now.events) for now in (carry(row.pk, 1) for _ in range(3))]
    assert seen == [(10, 10), (20, 20), (25, 25)]
    assert (due(), Ledger.objects.get().count, Ledger.objects.get().outcome) == (25, 25, "done")


def test_discard_is_done_in_chunks_and_ends_empty_holds(holds: list[Hold]) -> None:
    row = do("discard", reason="sent twice")
    assert (row.done, row.events, row.skipped, row.state) == (25, 25, 0, "done")
    assert not Held.objects.waiting().exists()
    assert due() == 25
    assert set(Held.objects.values_list("discard_reason", flat=True)) == {"sent twice"}


def test_what_is_interrupted_is_recorded_as_far_as_it_came_and_continues_there(holds: list[Hold]) -> None:
    row = begun("discard")
    carry(row.pk, 1)
    entry = Ledger.objects.get()
    assert (entry.count, entry.outcome, Held.objects.waiting().count()) == (10, "in part", 15)
    assert carry(row.pk).done == 25
    entry.refresh_from_db()
    assert (entry.count, entry.outcome) == (25, "done")


def test_a_chunk_that_fails_changes_nothing_and_is_tried_again(holds: list[Hold]) -> None:
    row = begun("discard")
    carry(row.pk, 1)
    with mock.patch.object(discarding, "_end_empty", side_effect=DatabaseError("deadlock")):
        tried = carry(row.pk, 1)
    assert (tried.done, tried.state, tried.failures, tried.error) == (
        10,
        "running",
        1,
        "DatabaseError: deadlock",
    )
    assert (Held.objects.waiting().count(), Ledger.objects.get().count) == (15, 10)
    Operation.objects.update(due_at=timezone.now())
    assert (carry(row.pk).done, carry(row.pk).failures) == (25, 0)


def test_a_crash_behind_the_last_statement_of_a_chunk_undoes_it(log: Log, small_chunks: None) -> None:
    """So each event is sent again once: relays send what a chunk hands over as soon as it is committed."""
    log.fill(25)
    log.position("900:900:")
    row = begun("replay", options={"id": "r1"})
    with mock.patch.object(Operations, "_count", side_effect=DatabaseError("the server has gone")):
        carry(row.pk, 1)
    sent = sent_again()
    Operation.objects.update(due_at=timezone.now())
    done = carry(row.pk)
    assert (sent + sent_again(), done.done, Ledger.objects.get().count) == (25, 25, 25)


def sent_again() -> int:
    """What the relays do: they send what a replay has handed over."""
    return Held.objects.waiting().delete()[0]


def test_an_operation_whose_chunk_always_fails_waits_for_a_person(holds: list[Hold]) -> None:
    row = begun("discard")
    carry(row.pk, 1)
    with mock.patch.object(discarding, "_end_empty", side_effect=DatabaseError("deadlock")):
        for _ in range(TRIES):
            Operation.objects.update(due_at=timezone.now())
            carry(row.pk, 1)
    assert (carry(row.pk).state, Ledger.objects.get().outcome) == ("failed", "failed")
    assert operations.resume("default", row.pk, "ole")
    assert (carry(row.pk).done, Ledger.objects.get(verb="discard").outcome) == (25, "done")


def test_events_whose_hold_is_being_released_are_skipped_and_counted(holds: list[Hold]) -> None:
    holds[0].release()
    row = do("discard")
    assert (row.done, row.skipped) == (24, 1)
    assert Ledger.objects.get().count == 24


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(cause="topic-missing"), 5),
        (Selection(key="k7"), 1),
        (Selection(key_prefix="k1"), 11),
        (Selection(topic="test.notes"), 25),
        (Selection(type="test.note", cause="poison"), 20),
        (Selection(since=timezone.now() - timedelta(hours=1)), 25),
        (Selection(until=timezone.now() - timedelta(hours=1)), 0),
        (Selection(topic="nix"), 0),
    ],
)
def test_a_filter_means_the_same_for_release_and_discard(
    holds: list[Hold], selection: Selection, count: int
) -> None:
    released = do("release", selection).done
    Hold.objects.update(release_at=None)
    assert released == do("discard", selection).done == count
    assert Ledger.objects.count() == (2 if count else 0)


def test_a_selection_is_the_same_when_it_was_stored() -> None:
    whole = Selection(ids=(1, 2), rows=(3,), topic="t", key_prefix="t1:", since=timezone.now(), all=True)
    assert Selection.stored(json.loads(json.dumps(whole.for_storage()))) == whole


def test_the_number_of_queries_grows_with_the_chunks_and_not_with_the_rows(holds: list[Hold]) -> None:
    with CaptureQueriesContext(connection) as few:
        do("release", Selection(key="k1"))
    with CaptureQueriesContext(connection) as many:
        do("release")
    assert len(many) <= 3 * len(few)


def test_a_chunk_looks_at_so_many_rows_at_most_though_few_match(
    holds: list[Hold], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox_core.operations.bulk.verb.SCAN", 7)
    row = begun("release", Selection(key="k24"))
    afters = [carry(row.pk, 1).after for _ in range(4)]
    assert afters == [holds[6].pk, holds[13].pk, holds[20].pk, holds[24].pk]
    assert (carry(row.pk).state, due()) == ("done", 1)


def test_what_is_held_after_it_began_does_not_belong_to_it(holds: list[Hold], log: Log) -> None:
    """Otherwise a release of what fails again would never end."""
    row = begun("release")
    log.hold(log.insert(99, "late"), key="late")
    assert (carry(row.pk).done, due()) == (25, 25)


def test_what_could_not_be_counted_shows_how_far_it_is_of_the_rows_that_there_are(holds: list[Hold]) -> None:
    """The rows before them are pruned long ago."""
    Held.objects.update(id=F("id") + 1_000_000)
    row = operations.begin(order("discard"), "default", 0, capped=True)
    assert row.fraction == 0
    assert [round(carry(row.pk, 1).fraction, 2) for _ in range(3)] == [0.4, 0.8, 1]


def test_a_chunk_becomes_smaller_when_it_is_slow_and_larger_when_it_is_fast() -> None:
    assert [next_size(500, seconds) for seconds in (0.01, 0.05, 0.2)] == [1_000, 500, 250]
    assert (next_size(LEAST_CHUNK, 9.0), next_size(CHUNK, 0.0)) == (LEAST_CHUNK, CHUNK)


def test_a_rate_holds_whoever_carries_it_out(holds: list[Hold]) -> None:
    row = begun("release", rate=4)
    assert operations.carry("default", "one")
    assert not operations.carry("default", "another")
    now = Operation.objects.get(pk=row.pk)
    assert (now.done, due()) == (4, 4)
    assert 0.9 < (now.due_at - (now.carried_at or now.due_at)).total_seconds() < 1.1
    assert now.seconds_left == 21 / 4


def test_a_paused_operation_stands_still_and_continues_where_it_was(holds: list[Hold]) -> None:
    row = begun("release")
    carry(row.pk, 1)
    assert operations.pause("default", row.pk, "ole")
    assert (carry(row.pk).done, carry(row.pk).changed_by) == (10, "ole")
    assert not operations.pause("default", row.pk, "ole")
    assert operations.resume("default", row.pk, "ole")
    assert (carry(row.pk).done, due()) == (25, 25)


def test_a_cancelled_operation_keeps_what_is_done_and_cannot_be_resumed(holds: list[Hold]) -> None:
    row = begun("release")
    carry(row.pk, 1)
    assert operations.cancel("default", row.pk, "ole")
    assert not operations.resume("default", row.pk, "ole")
    assert (carry(row.pk).done, due()) == (10, 10)
    entry = Ledger.objects.get(verb="release")
    assert (entry.count, entry.outcome) == (10, "cancelled")


def test_who_paused_resumed_and_cancelled_it_is_in_the_ledger(holds: list[Hold]) -> None:
    row = begun("release", Selection(topic="test.notes"))
    for change, who in ((operations.pause, "ole"), (operations.resume, "ida"), (operations.cancel, "ole")):
        assert change("default", row.pk, who)
        assert not change("default", row.pk, "nobody")
    entries = Ledger.objects.order_by("pk")
    assert [(each.who, each.verb, each.before, each.outcome) for each in entries] == [
        ("ole", "pause", "running", "done"),
        ("ida", "resume", "paused", "done"),
        ("ole", "cancel", "running", "done"),
    ]
    assert {each.scope for each in entries} == {f"operation {row.pk}: release holds: topic test.notes"}
    assert entries[0].selection == {"topic": "test.notes", "operation": row.pk}


def test_a_change_that_the_ledger_cannot_keep_is_not_made(holds: list[Hold]) -> None:
    row = begun("release")
    for change in (operations.pause, operations.cancel):
        with (
            mock.patch.object(LedgerQuerySet, "create", side_effect=DatabaseError("disk full")),
            pytest.raises(DatabaseError),
        ):
            change("default", row.pk, "ole")
    assert carry(row.pk).state == "done"


def test_operations_are_pruned_with_the_ledger(holds: list[Hold]) -> None:
    do("release", Selection(key="k1"))
    begun("release")
    ancient = timezone.now() - timedelta(days=400)
    Operation.objects.filter(state="done").update(ended_at=ancient)
    Ledger.objects.update(last_at=ancient)
    assert retention.prune_ledger() == 1
    assert Operation.objects.get().state == "running"
