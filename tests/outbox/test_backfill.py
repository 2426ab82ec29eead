"""``outbox_backfill``: events for rows that exist already."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.signals import post_save, pre_save
from django.utils import timezone

import outbox
from outbox.models import Ledger, OutboxEvent
from outbox.operations.backfill import pace
from outbox.status.failure import unreadable
from outbox.testing import CapturedEvents, captured_events
from outbox_core.operations.ledger import DONE, IN_PART
from tests.outbox.hearing import keys
from tests.testapp.events import Note
from tests.testapp.models import (
    Child,
    CompositeKey,
    ExpressParcel,
    Page,
    Parcel,
    Plain,
    Proxy,
    Stamp,
    Tag,
    TextKey,
    UuidKey,
)

pytestmark = pytest.mark.django_db

PATH = "tests.outbox.test_backfill"
NO_RELAY = {"max_pending_age": 86_400.0}
UUIDS = [UUID(int=n << 100) for n in (3, 1, 2)]


def run(model: str = "testapp.Parcel", *arguments: object, **options: Any) -> str:
    """What the command prints; what it tells the person who watches is behind it."""
    out = StringIO()
    options = {**NO_RELAY, "rate": 100_000, "verbosity": 0, "stderr": out, **options}
    call_command("outbox_backfill", model, *map(str, arguments), stdout=out, **options)
    return out.getvalue()


def failed(code: int, *arguments: object, **options: Any) -> str:
    with pytest.raises(CommandError) as raised:
        run(*arguments, **options)  # type: ignore[arg-type]
    assert raised.value.returncode == code
    return str(raised.value)


def receiver(sender: Any = Parcel, **options: Any) -> Callable[..., Any]:
    """A receiver that takes backfill and notes the primary key of each row."""

    @outbox.receiver(post_save, sender=sender, **options)
    def noted(instance: Any, backfill: bool = False, **kwargs: Any) -> Note | None:
        return Note(str(instance.pk)) if backfill else None

    return noted


def parcels(count: int, **values: Any) -> list[int]:
    rows = [Parcel(code=f"p{n}", **values) for n in range(count)]
    return [row.pk for row in Parcel.objects.bulk_create(rows)]


def entry() -> Ledger:
    found = Ledger.objects.get(verb=Ledger.Verb.BACKFILL)
    assert isinstance(found, Ledger)
    return found


def test_a_receiver_is_called_as_for_a_save_of_a_row_that_exists(outbox_events: CapturedEvents) -> None:
    (pk,) = parcels(1, weight=7)
    seen: list[dict[str, Any]] = []

    @outbox.receiver(post_save, sender=Parcel)
    def saved(backfill: bool = False, **kwargs: Any) -> Note:
        seen.append({**kwargs, "backfill": backfill})
        return Note(str(kwargs["instance"].weight))

    run()
    (call,) = seen
    instance = call.pop("instance")
    assert (type(instance), instance.pk) == (Parcel, pk)
    assert call == {
        "signal": post_save,
        "sender": Parcel,
        "created": False,
        "raw": False,
        "using": "default",
        "update_fields": None,
        "backfill": True,
    }
    assert outbox_events[0].key == "7"
    assert outbox_events[0].headers["backfill"] == "true"
    run(restart=True, created=True)
    assert seen[1]["created"] is True


def test_only_receivers_that_take_backfill_are_called_unless_others_are_named(
    outbox_events: CapturedEvents,
) -> None:
    parcels(1)

    @outbox.receiver(post_save, sender=Parcel)
    def welcome(**kwargs: Any) -> Note:
        return Note("welcome", text=str(kwargs.get("backfill")))

    path = f"{PATH}.{welcome.__qualname__}"
    assert path in failed(2)
    receiver()
    run()
    assert "welcome" not in keys(outbox_events)
    run(receiver=[path])
    run(receiver=["all"])
    assert keys(outbox_events).count("welcome") == 2
    assert outbox_events[1].data["text"] == "True"


def test_a_save_does_not_pass_backfill_so_it_needs_a_default() -> None:
    def saved(instance: Any, backfill: bool, **kwargs: Any) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="backfill=False"):
        outbox.receiver(post_save, sender=Parcel)(saved)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (["testapp.Nothing"], {}, "no model testapp.Nothing"),
        (["Parcel"], {}, "app.Model"),
        (["testapp.Stamp"], {}, "post_save of testapp.Stamp"),
        (["testapp.Parcel"], {"receiver": ["shop.no"]}, "shop.no is no"),
        (["testapp.Parcel"], {"filter": ["weight"]}, "field=value"),
        (["testapp.Parcel"], {"filter": ["wait=1"]}, "wait"),
        (["testapp.Parcel"], {"filter": ["weight=many"]}, "weight=many"),
        (["testapp.Parcel"], {"filter": ["code__isnull=maybe"]}, "isnull"),
        (["testapp.Parcel"], {"filter": ["weight=3"]}, "No row"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused_with_exit_code_2(
    arguments: list[str], options: dict[str, Any], says: str
) -> None:
    parcels(1)
    receiver()
    assert says in failed(2, *arguments, **options)
    assert not Ledger.objects.exists()


def test_a_receiver_of_pre_save_is_not_called(outbox_events: CapturedEvents) -> None:
    parcels(1)

    @outbox.receiver(pre_save, sender=Parcel)
    def changing(backfill: bool = False, **kwargs: Any) -> Note:
        return Note("pre_save")

    failed(2)
    failed(2, receiver=[f"{PATH}.{changing.__qualname__}"])
    assert not outbox_events


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


def interrupt_behind(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM arrives in the pause behind so many chunks."""
    took, left = pace.Pace.took, [chunks]

    def interrupted(self: pace.Pace, rows: int) -> None:
        took(self, rows)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(pace.Pace, "took", interrupted)


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
    save = Ledger.objects.none().__class__.update
    monkeypatch.setattr(Ledger.objects.none().__class__, "update", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(chunk=2)
    assert keys(outbox_events) == [str(pk) for pk in pks[:2]]
    monkeypatch.setattr(Ledger.objects.none().__class__, "update", save)
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


def test_filters_choose_rows_and_a_relation_does_not_repeat_them(outbox_events: CapturedEvents) -> None:
    first, second, third, light = parcels(4, weight=5)
    Parcel.objects.filter(pk=light).update(weight=1)
    tags = [Tag.objects.create(name=name) for name in "xyz"]
    for pk in (first, second, light):
        Parcel.objects.get(pk=pk).tags.set(tags)
    Stamp.objects.create(parcel_id=third)
    receiver()
    run(filter=["weight__gte=5", "tags__name__in=x, y,z"], chunk=2)
    assert keys(outbox_events) == [str(first), str(second)]
    run(filter=["stamps__isnull=false"])
    assert keys(outbox_events)[2:] == [str(third)]
    assert Ledger.objects.filter(outcome=DONE).count() == 2


def test_a_child_has_its_own_rows_and_its_parent_has_all(outbox_events: CapturedEvents) -> None:
    parcels(1)
    child = ExpressParcel.objects.create(code="child")

    @outbox.receiver(post_save, sender=Parcel)
    def saved(sender: type, instance: Any, backfill: bool = False, **kwargs: Any) -> Note:
        return Note(f"{sender.__name__} {type(instance).__name__}")

    run("testapp.ExpressParcel", filter=[f"pk={child.pk}"])
    run("testapp.Parcel")
    assert keys(outbox_events) == ["ExpressParcel ExpressParcel", *["Parcel Parcel"] * 2]


@pytest.mark.django_db(databases=["default", "other"])
def test_rows_of_another_database_have_their_events_there() -> None:
    row = Plain(title="there")
    row.save(using="other")
    receiver(Plain)
    with captured_events("default") as here, captured_events("other") as there:
        failed(2, "testapp.Plain")
        run("testapp.Plain", database="other")
        assert (len(here), keys(there)) == (0, [str(row.pk)])
    assert Ledger.objects.using("other").get().outcome == DONE
    assert not Ledger.objects.exists()


def test_it_reads_how_long_events_wait_and_stops_where_that_is_unknown(
    outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction.atomic():
        outbox.emit(Note("waits"))
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert 115 < pace.oldest_pending("default") < 300
    parcels(1)
    receiver()
    monkeypatch.setattr(pace, "read", lambda using: unreadable(using, "It is away."))
    assert "It is away." in failed(1)
    assert len(outbox_events) == 1


def fails_for(pk: int, fail: Callable[[], object]) -> str:
    @outbox.receiver(post_save, sender=Parcel)
    def fragile(instance: Parcel, backfill: bool = False, **kwargs: Any) -> Note:
        Tag.objects.create(name=f"written for {instance.pk}")
        if instance.pk == pk:
            fail()
        return Note(str(instance.pk))

    return f"{PATH}.{fragile.__qualname__}"


def divide() -> None:
    connection.cursor().execute("SELECT 1 / 0")


def refuse() -> None:
    raise ValueError("no such customer")


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


def test_a_dry_run_shows_the_first_events_and_changes_nothing(outbox_events: CapturedEvents) -> None:
    pks = parcels(3)
    fails_for(pks[1], refuse)
    said = run(dry_run=True)
    assert f"Row {pks[0]}: test.note, key {pks[0]}" in said
    assert f"Row {pks[1]}:" in said
    assert "ValueError" in said
    assert not outbox_events
    assert not Tag.objects.exists()
    assert not Ledger.objects.exists()


def test_the_entry_names_the_person_and_is_no_part_of_the_history_of_an_event() -> None:
    parcels(1)
    receiver()
    run(filter=["weight=0"])
    kept = entry()
    assert "testapp.Parcel, weight=0, by" in kept.scope
    assert "@" in kept.who
    assert not Ledger.objects.about(kept.at, topic="test.notes", key="1", type="test.note").exists()
