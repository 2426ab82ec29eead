"""The inbox's ledger has what a consumer did by itself: one row for an incident, without data of events."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from inbox.handling.routing import Identity
from inbox.handling.unit_of_work import UnitOfWork
from inbox.models import HeldEvent, Ledger, Offset, Processed
from inbox.offsets import DatabaseOffsets, Stored
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps
from tests.inbox.operators import run
from tests.inbox.test_unit_of_work import deliveries

SECRET = "mara@example.org"


def told(*fields: str) -> list[Any]:
    """What the ledger has, without the partitions that were taken over."""
    rows = Ledger.objects.exclude(verb=Ledger.Verb.TAKE_OVER).order_by("pk")
    return list(rows.values_list(*(fields or ("verb", "count", "outcome"))))


def test_an_event_that_is_held_tried_in_vain_released_and_handled(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    effects.fails["poison"] = raising(ValueError(f"no customer {SECRET}"))
    send_steps(consumer, "b", 1)
    send_steps(consumer, "a", 1, fail="poison")
    send_steps(consumer, "a", 2)
    consumer.drain()
    assert HeldEvent.objects.waiting().count() == 2
    run("inbox_release", "--all", "--yes")
    effects.fails.clear()
    consumer.retry()
    assert effects.of("a") == [1, 2]
    verbs = told("verb", "automatic", "outcome")
    assert verbs[0] == ("hold", True, "will be retried")
    assert ("retry", True, "failed again, waits for a person") in verbs
    assert verbs[-2:] == [("release", False, "done"), ("release", True, "done")]
    mine = Ledger.objects.exclude(verb=Ledger.Verb.TAKE_OVER).filter(automatic=True)
    assert {tuple(sorted(row.selection.items())) for row in mine} == {
        (
            ("cause", "ValueError"),
            ("consumer", "test"),
            ("event", "a-1"),
            ("key", "a"),
            ("topic", "test"),
            ("type", "test.step"),
        )
    }
    assert not any(SECRET in str(vars(row)) for row in Ledger.objects.all())


def test_many_events_of_one_cause_share_a_row(consumer: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = raising(ValueError(SECRET))
    for number in range(30):
        send_steps(consumer, f"k{number}", 1, fail="poison")
        send_steps(consumer, "well", number)
    consumer.drain()
    assert HeldEvent.objects.waiting().count() == 30
    assert sum(count for verb, count, _ in told() if verb == "hold") == 30
    assert len(told()) <= 4, "one for each kind of deed"
    (shared,) = Ledger.objects.filter(verb="hold", count__gt=1)
    assert "key" not in shared.selection
    row = HeldEvent.objects.earliest("pk")
    facts = {"topic": row.topic, "type": row.type, "consumer": "test", "cause": "ValueError"}
    assert shared in Ledger.objects.about(row.held_at, key="k7", **facts)
    assert shared not in Ledger.objects.about(row.held_at, key="k7", **facts | {"type": "other"})


@pytest.mark.django_db(transaction=True)
def test_an_event_that_the_ledger_cannot_have_is_not_held(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_steps(consumer, "a", 1)
    unit = UnitOfWork(consumer="test", offsets=consumer.offsets)
    monkeypatch.setattr("outbox_core.operations.deeds.Diary.parameters", raising(IntegrityError("full")))
    with pytest.raises(IntegrityError):
        unit.hold(deliveries(consumer, effects), None)
    assert not HeldEvent.objects.exists()
    assert not Processed.objects.exists()


def test_the_pages_have_what_the_consumer_did_and_no_message_of_an_error(
    consumer: MemoryConsumer, effects: Effects, admin_client: Client
) -> None:
    effects.fails["poison"] = raising(ValueError(SECRET))
    send_steps(consumer, "a", 1, fail="poison")
    consumer.drain()
    page = admin_client.get("/admin/inbox/ledger/", {"consumer": "test", "key": "a"}).content.decode()
    assert "consumer test " in page
    assert SECRET not in page
    url = "/admin/inbox/ledger/export.json"
    exported = json.loads(b"".join(admin_client.get(url, {"consumer": "test", "key": "a"})))
    assert {row["verb"] for row in exported} == {"hold", "retry"}
    assert SECRET not in str(exported)
    assert json.loads(b"".join(admin_client.get(url, {"consumer": "nix"}))) == []
    held = HeldEvent.objects.get()
    history = admin_client.get(f"/admin/inbox/heldevent/{held.pk}/change/").content.decode()
    assert history.count("event a-1, test.step of test: ValueError") == len(exported)


@pytest.mark.django_db
def test_a_consumer_that_continues_elsewhere_says_from_where() -> None:
    offsets = DatabaseOffsets("c")
    offsets.begin(("t", 0), Stored(10))
    offsets.begin(("t", 0), Stored(7), went_back=True)
    offsets.begin(("t", 0), Stored(0), replace=True)
    offsets.missed(("t", 0), 0, 4)
    assert told("verb", "count", "scope", "before") == [("seek", 3, "partitions of t", "at 10")]
    assert "offsets 0 to 4" in Ledger.objects.get(verb="seek").reason
    took = Ledger.objects.get(verb="take over")
    assert (took.scope, took.reason) == ("t/0", "continues at 10")
    assert Offset.objects.get().missed_last == 4


@pytest.mark.django_db(transaction=True)
def test_old_entries_are_pruned_and_no_others(settings: Settings) -> None:
    settings.INBOX = {**settings.INBOX, "LEDGER_DAYS": 100}
    for days in (99, 101, 102):
        at = Now() - timedelta(days=days)
        Ledger.objects.create(who="me", verb="hold", scope=str(days), at=at, last_at=at)
    Processed.objects.claim("c", [Identity("/s", "1")])
    assert "Would delete 2 ledger rows older than 100 days" in run("inbox_prune", "--dry-run")[1]
    assert "Deleted 2 ledger rows older than 100 days" in run("inbox_prune")[1]
    assert Ledger.objects.get().scope == "99"
