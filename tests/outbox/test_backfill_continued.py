"""A backfill that ends before its last row: what is written then, and how it is continued."""

from __future__ import annotations

import signal
from collections.abc import Callable
from io import StringIO
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from outbox.models import Ledger, Operation
from outbox.operations.backfill.pace import Pace
from outbox.operations.backfilling import Backfill
from outbox.operations.bulk import BACKFILL, operations
from outbox.testing import CapturedEvents
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.step import Step
from outbox_core.operations.ledger import DONE, IN_PART
from tests.outbox.backfills import (
    divide,
    entry,
    failed,
    fails_for,
    interrupt_behind,
    parcels,
    receiver,
    refuse,
    run,
)
from tests.outbox.hearing import keys
from tests.testapp.models import (
    Child,
    CompositeKey,
    Page,
    Parcel,
    Plain,
    Proxy,
    Tag,
    TextKey,
    UuidKey,
)

pytestmark = pytest.mark.django_db

UUIDS = [UUID(int=n << 100) for n in (3, 1, 2)]


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Plain, [{"title": each} for each in "abc"]),
        (Proxy, [{"title": each} for each in "abc"]),
        (Child, [{"title": each} for each in "abc"]),
        (UuidKey, [{"pk": each} for each in UUIDS]),
        (TextKey, [{"code": each} for each in ("é,1", "Z", "a b")]),
        (CompositeKey, [{"tenant": t, "number": n} for t, n in ((1, 20), (1, 3), (2, 1))]),
        (Page, [{"title": "a", "hidden": True} for _ in range(3)]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_kind_of_primary_key_is_walked_and_resumed(
    model: Any, values: list[dict[str, Any]], outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also rows that all managers of the model hide, and the parents of a child."""
    rows = [model(**each) for each in values]
    for row in rows:
        row.save(force_insert=True)
    receiver(model)
    expected = [str(pk) for pk in model._base_manager.order_by("pk").values_list("pk", flat=True)]
    if model is Page:
        expected = sorted(str(row.pk) for row in rows)
    interrupt_behind(1, monkeypatch)
    failed(130, model._meta.label, chunk=1)
    assert keys(outbox_events) == expected[:1]
    run(model._meta.label, "--resume", chunk=2)
    assert keys(outbox_events) == expected


def test_an_interrupted_run_is_continued_and_no_row_comes_twice(
    outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    pks = parcels(7)
    receiver()
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    interrupt_behind(2, monkeypatch)
    assert "--resume" in failed(130, chunk=2)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    stopped = entry()
    row = Operation.objects.get()
    assert (stopped.count, stopped.outcome, row.options["after"]) == (4, IN_PART, [str(pks[3])])
    assert (row.state, row.done, row.planned) == ("paused", 4, 7)
    assert "--restart" in failed(2, chunk=2)
    later = Parcel.objects.create(code="later")
    run("testapp.Parcel", "--resume")
    assert keys(outbox_events) == [*map(str, pks)]
    assert str(later.pk) not in keys(outbox_events)
    done = entry()
    assert (done.pk, done.count, done.outcome) == (stopped.pk, 7, DONE)
    run("testapp.Parcel", "--resume")
    assert len(outbox_events) == 7
    run("testapp.Parcel", "--resume", filter=["code=later"])
    assert keys(outbox_events)[7:] == [str(later.pk)]


def test_a_chunk_that_fails_leaves_nothing_and_the_next_run_repeats_it(
    outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process were killed between the events and the commit."""
    pks = parcels(4)
    receiver()
    with monkeypatch.context() as patch:
        patch.setattr(type(Ledger.objects.all()), "update", lambda *_, **__: stop())
        with pytest.raises(SystemExit):
            run(chunk=2)
    assert keys(outbox_events) == [str(pk) for pk in pks[:2]]
    run("testapp.Parcel", "--resume", chunk=2)
    assert keys(outbox_events) == [*map(str, pks)]


def stop() -> None:
    raise SystemExit


def test_others_carry_it_out_too_and_no_row_comes_twice(
    outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay, or a second command."""
    pks = parcels(6)
    receiver()
    interrupt_behind(1, monkeypatch)
    failed(130, chunk=1)
    row = Operation.objects.get()
    operations.resume("default", row.pk, "mara")
    Operation.objects.update(due_at=Now())
    assert operations.carry("default", "relay")
    run("testapp.Parcel", "--resume", chunk=1)
    row.refresh_from_db()
    assert (row.state, row.done) == ("done", 6)
    assert keys(outbox_events) == [*map(str, pks)]


def test_it_is_paused_and_cancelled_between_two_chunks(
    outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    pks = parcels(6)
    receiver()
    step = Backfill.step

    def paused_meanwhile(self: Backfill, row: BulkOperation, using: str, size: int) -> Step:
        done = step(self, row, using, size)
        Operation.objects.filter(pk=row.pk).update(state="paused", changed_by="mara")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Backfill, "step", paused_meanwhile)
        assert "paused: by mara" in failed(1, chunk=2)
    assert keys(outbox_events) == [str(pk) for pk in pks[:2]]
    call_command("outbox_operations", str(Operation.objects.get().pk), "--cancel", stdout=StringIO())
    assert entry().outcome == "cancelled"
    run("testapp.Parcel", "--resume")
    assert len(outbox_events) == 8, "what was cancelled is not continued"


def test_who_has_other_code_or_another_role_leaves_it_to_others(
    outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay may not see the tables of the rows. The operation does not fail for that."""
    parcels(2)
    receiver()
    interrupt_behind(1, monkeypatch)
    failed(130, chunk=1)
    row = Operation.objects.get()
    operations.resume("default", row.pk, "mara")
    Operation.objects.update(due_at=Now(), options={**row.options, "model": "elsewhere.Model"})
    operations.carry("default", "relay")
    assert not operations.is_any_running("default")
    assert Operation.objects.get().state == "running"
    Operation.objects.update(options=row.options)
    run("testapp.Parcel", "--resume")
    assert len(outbox_events) == 2


def test_it_waits_while_events_wait_for_long(outbox_events: CapturedEvents) -> None:
    parcels(1)
    receiver()
    ages = [40.0, 40.0, 0.0]
    paced = Pace(age=lambda _: ages.pop(0) if len(ages) > 1 else ages[0], clock=count(1).__next__)
    BACKFILL._pace, before = paced, BACKFILL._pace
    try:
        said = run(max_pending_age=30)
    finally:
        BACKFILL._pace = before
    assert said.count("the oldest pending event waits for 40 s") == 1
    assert (len(outbox_events), ages) == (1, [0.0])


def test_a_row_that_fails_stops_the_run_and_is_named(outbox_events: CapturedEvents) -> None:
    pks = parcels(6)
    path = fails_for(pks[3], refuse)
    said = failed(1, chunk=2)
    for part in (f"Row {pks[3]}", path, "ValueError: no such customer", "--skip-failing", "--resume"):
        assert part in said
    assert keys(outbox_events) == [str(pk) for pk in pks[:2]]
    assert (entry().outcome, Operation.objects.get().state) == ("failed", "failed")


@pytest.mark.parametrize("fail", [refuse, divide])
def test_rows_that_fail_are_skipped_and_counted(
    outbox_events: CapturedEvents, fail: Callable[[], object]
) -> None:
    """What the receiver had written for such a row is gone; the ledger keeps its key."""
    pks = parcels(5)
    fails_for(pks[2], fail)
    said = failed(1, skip_failing=True, chunk=2)
    assert str(pks[2]) in said
    assert keys(outbox_events) == [str(pk) for pk in pks if pk != pks[2]]
    assert not Tag.objects.filter(name=f"written for {pks[2]}").exists()
    kept = entry()
    assert (kept.outcome, kept.count) == (DONE, 4)
    row = Operation.objects.get()
    assert (row.skipped, [each["row"] for each in row.options["failed"]]) == (1, [str(pks[2])])
