"""``outbox_backfill``: events for rows that exist already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models.signals import post_save, pre_save
from django.utils import timezone

import outbox
from outbox.models import Ledger, OutboxEvent
from outbox.operations.backfill import pace
from outbox.operations.bulk import BACKFILL
from outbox.status import reading
from outbox.status.failure import unreadable
from outbox.testing import CapturedEvents, captured_events
from outbox_core.operations.ledger import DONE
from tests.outbox.backfills import (
    entry,
    failed,
    fails_for,
    parcels,
    path_of,
    receiver,
    refuse,
    run,
)
from tests.outbox.hearing import keys
from tests.testapp.events import Note
from tests.testapp.models import (
    ExpressParcel,
    Parcel,
    Plain,
    Stamp,
    Tag,
)

pytestmark = pytest.mark.django_db


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

    path = path_of(welcome)
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
    failed(2, receiver=[path_of(changing)])
    assert not outbox_events


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
    BACKFILL._pace._looks.clear()
    monkeypatch.setattr(reading, "read", lambda using: unreadable(using, "It is away."))
    assert "It is away." in failed(1)
    assert len(outbox_events) == 1


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
