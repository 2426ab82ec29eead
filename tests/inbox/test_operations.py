"""Operations of the inbox: from a page or command, and by consumers."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from inbox.models import HeldEvent, Ledger
from inbox.operations.bulk import operations
from inbox.testing import MemoryConsumer
from outbox_core.operations import actor
from tests.inbox.conftest import Effects, held
from tests.inbox.operators import run
from tests.people.orders import begun

NEW = "/admin/inbox/operation/new/"


@pytest.fixture
def failed(db: None) -> None:
    """Four events of keys of their own are held, and one waits behind another."""
    for number, key in enumerate([1, 2, 3, 4, 1]):
        HeldEvent.objects.create(
            consumer="test",
            source="/test",
            event_id=f"e{number}",
            type="test.step",
            topic="test",
            partition=0,
            offset=number,
            key=str(key),
            key_hash=key,
            record=b"",
            error="" if number == 4 else "ValueError: no such customer",
        )


def test_a_consumer_hears_of_an_operation_with_its_heartbeat(poisoned: MemoryConsumer) -> None:
    heard: list[bool] = []
    heartbeat = poisoned.consumer._heartbeat
    heartbeat._carry_operations = lambda: heard.append(True)
    heartbeat._next_at = 0.0
    heartbeat.beat()
    assert not heard
    begun("release", of=operations)
    heartbeat._next_at = 0.0
    heartbeat.beat()
    assert heard == [True]


def test_a_release_has_the_rest_of_the_key_handled_and_is_counted_once(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    row = begun("release", of=operations)
    assert operations.carry("default", "a test")
    assert not operations.carry("default", "a test")
    row.refresh_from_db()
    assert (row.state, row.done, Ledger.objects.by_people().get().count) == ("done", 2, 2)
    effects.fails.clear()
    poisoned.retry()
    assert (effects.of("a"), held()) == ([1, 2, 3], [])


def test_a_rate_and_a_pause_hold_in_the_inbox_too(failed: None) -> None:
    row = begun("discard", of=operations, rate=2)
    assert operations.carry("default", "a test")
    assert not operations.carry("default", "a test")
    assert HeldEvent.objects.waiting().count() == 3
    code, text = run("inbox_operations", str(row.pk), "--pause")
    assert (code, "paused" in text) == (0, True)
    code, text = run("inbox_operations", str(row.pk), "--cancel")
    assert (code, "cancelled" in text) == (0, True)
    assert run("inbox_operations", str(row.pk), "--resume")[0] == 2
    entries = Ledger.objects.by_people().order_by("pk")
    assert [(each.verb, each.outcome, each.before) for each in entries] == [
        ("discard", "cancelled", "held"),
        ("pause", "done", "running"),
        ("cancel", "done", "paused"),
    ]
    assert {each.who for each in entries[1:]} == {actor.shell()}


@pytest.mark.parametrize("may_see_payloads", [True, False])
def test_a_preview_quotes_errors_to_those_who_may_see_payloads(failed: None, may_see_payloads: bool) -> None:
    names = {"view_operation", "release_held", *(["view_payload"] if may_see_payloads else [])}
    user = User.objects.create_user("mara", is_staff=True)
    granted = Permission.objects.filter(content_type__app_label="inbox", codename__in=names)
    user.user_permissions.set(granted)
    client = Client()
    client.force_login(user)
    order = {"verb": "release", "cause": "ValueError"}
    page = client.get(NEW, order).content.decode()
    assert ("no such customer" in page, "ValueError" in page) == (may_see_payloads, True)
    client.post(NEW, order)
    assert (Ledger.objects.by_people().get().count, Ledger.objects.by_people().get().who) == (5, "mara")
    assert client.post(NEW, {"verb": "discard", "all": "on", "reason": "x"}).status_code == 200
    assert not HeldEvent.objects.exclude(discarded_at=None).exists()
