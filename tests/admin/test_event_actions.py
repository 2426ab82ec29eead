"""What can be done on the page of one event: by whom, after which question, and what the ledger keeps."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from outbox.models import Held, Hold, Ledger, OutboxEvent
from tests.admin.conftest import Log, Staff

ACTIONS = ("release", "discard", "replay")


def address(event: int, action: str) -> str:
    return reverse(f"admin:outbox_outboxevent_{action}", args=[event])


def offered(client: Client, event: int) -> set[str]:
    """The actions that the page of an event offers."""
    text = client.get(address(event, "change")).content.decode()
    return {action for action in ACTIONS if address(event, action) in text}


def act(client: Client, event: int, action: str, reason: str = "INC-1") -> int:
    return client.post(address(event, action), {"reason": reason}).status_code


@pytest.fixture
def published(log: Log) -> int:
    event = log.insert(1, payload=b'{"text": "for few eyes"}')
    log.position("9:9:")
    return event


def test_a_published_event_is_sent_again_by_those_who_may(staff: Staff, published: int) -> None:
    client = staff("view_outboxevent", "replay_event")
    assert offered(client, published) == {"replay"}
    question = client.get(address(published, "replay"))
    assert "ce_replay" in question.content.decode()
    assert "for few eyes" not in question.content.decode()
    assert not Hold.objects.exists()
    assert act(client, published, "replay") == 302
    held = Held.objects.get()
    assert held.hold is not None
    assert (held.event_id, held.hold.scope) == (published, Hold.Scope.REPLAY)
    entry = Ledger.objects.get()
    assert (entry.who, entry.verb, entry.count, entry.reason) == ("mara", "replay", 1, "INC-1")
    assert entry.selection["replay"] == held.hold.key
    assert act(client, published, "replay") == 404, "it waits for a relay already"
    text = client.get(address(published, "change")).content.decode()
    assert "INC-1" in text
    assert "Headers as sent" in text


def test_what_a_replay_has_caused_is_not_sent_again(admin_client: Client, published: int) -> None:
    OutboxEvent.objects.update(headers={"replay": "r1"})
    assert act(admin_client, published, "replay") == 200
    assert not Held.objects.exists()
    assert not Ledger.objects.exists()


def test_only_published_events_can_be_sent_again(admin_client: Client, log: Log) -> None:
    pending, held = log.insert(50), log.insert(1)
    log.position("9:9:")
    log.hold(held)
    for event in (pending, held, 7):
        assert act(admin_client, event, "replay") == 404


def test_a_held_event_is_released_with_its_hold(staff: Staff, log: Log) -> None:
    event, other = log.insert(1), log.insert(2)
    log.hold(event, other)
    client = staff("view_outboxevent", "release_hold")
    assert offered(client, event) == {"release"}
    assert "1 other event" in client.get(address(event, "release")).content.decode()
    assert not Hold.objects.with_due().get().due
    assert act(client, event, "release") == 302
    assert Hold.objects.with_due().get().due
    entry = Ledger.objects.get()
    assert (entry.who, entry.verb, entry.count) == ("mara", "release", 1)


def test_an_event_of_a_paused_topic_takes_the_right_to_resume_it(staff: Staff, log: Log) -> None:
    event = log.insert(1)
    log.hold(event, reason="paused", key=None)
    client = staff("view_outboxevent", "release_hold")
    assert offered(client, event) == set()
    assert act(client, event, "release") == 403
    mara = User.objects.get(username="mara")
    mara.user_permissions.set(mara.user_permissions.model.objects.filter(codename="pause_topic"))
    assert act(client, event, "release") == 302
    assert Ledger.objects.get().verb == "resume"


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_takes_its_right_and_the_token_of_its_form(
    staff: Staff, admin_client: Client, log: Log, published: int, action: str
) -> None:
    held = log.insert(2)
    log.hold(held)
    event = published if action == "replay" else held
    viewer = staff("view_outboxevent", "view_payload")
    assert offered(viewer, event) == set()
    assert viewer.get(address(event, action)).status_code == 403
    assert act(viewer, event, action) == 403
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(User.objects.get(username="root"))
    assert act(forger, event, action) == 403
    assert act(Client(), event, action) == 302, "to the login"
    assert Held.objects.waiting().count() == 1
    assert not Ledger.objects.exists()
