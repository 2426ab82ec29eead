"""A backfill that ends before its last row: what is written then, and how it is continued."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from outbox.models import Ledger
from outbox.operations.backfill import pace
from outbox.testing import CapturedEvents
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
    assert (stopped.count, stopped.outcome, stopped.selection["after"]) == (4, IN_PART, [str(pks[3])])
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
        patch.setattr(type(Ledger.objects.all()), "update", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(chunk=2)
    assert keys(outbox_events) == [str(pk) for pk in pks[:2]]
    run("testapp.Parcel", "--resume", chunk=2)
    assert keys(outbox_events) == [*map(str, pks)]


def test_two_processes_do_not_continue_the_same_run(
    outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    pks = parcels(4)
    receiver()
    interrupt_behind(1, monkeypatch)
    failed(130, chunk=1)
    wait, runs = pace.Pace.wait, [0]

    def meanwhile(self: pace.Pace) -> None:
        runs[0] += 1
        if runs[0] == 1:
            run("testapp.Parcel", "--resume")
        wait(self)

    monkeypatch.setattr(pace.Pace, "wait", meanwhile)
    assert "Another process" in failed(1, "testapp.Parcel", "--resume")
    assert keys(outbox_events) == [*map(str, pks)]


def test_a_row_that_fails_stops_the_run_and_is_named(outbox_events: CapturedEvents) -> None:
    pks = parcels(6)
    path = fails_for(pks[3], refuse)
    said = failed(1, chunk=2)
    for part in (f"Row {pks[3]}", path, "ValueError: no such customer", "--skip-failing", "--resume"):
        assert part in said
    assert keys(outbox_events) == [str(pk) for pk in pks[:2]]
    assert entry().outcome == IN_PART


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
    assert (kept.outcome, kept.count, kept.selection["failed"]) == (DONE, 4, [str(pks[2])])
    assert str(pks[2]) in kept.reason
