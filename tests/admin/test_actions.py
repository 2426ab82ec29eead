"""What can be done from the admin, by whom, and the traces it leaves."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from outbox.models import Held, Hold, Ledger, OutboxEvent
from tests.admin.conftest import Log, Staff

STATUS = "/admin/outbox/outboxstatus/"


def messages(client: Client) -> str:
    """What the status page says after an action."""
    return " ".join(str(message) for message in client.get(STATUS).context["messages"])


def release(client: Client, hold: Hold) -> int:
    return client.post(reverse("admin:outbox_outboxstatus_release", args=[hold.pk])).status_code


def pause(client: Client, topic: str) -> int:
    answer = client.post(reverse("admin:outbox_outboxstatus_pause"), {"topic": topic, "detail": "INC-1"})
    return answer.status_code


def discard(client: Client, event: int, reason: str = "broken since the import") -> int:
    url = reverse("admin:outbox_outboxevent_discard", args=[event])
    return client.post(url, {"reason": reason}).status_code


def test_the_status_page_says_how_it_is_and_what_to_do(staff: Staff, log: Log) -> None:
    client = staff("view_outboxstatus")
    log.insert(1, age=500)
    text = client.get(STATUS).content.decode()
    assert "No relay is alive" in text
    assert "<code>manage.py run_relay</code>" in text
    assert "outbox-critical" in text
    log.relay()
    log.position("9:9:", events=5, published=5)
    text = client.get(STATUS).content.decode()
    assert "outbox-banner outbox-ok" in text
    assert "<rect" in text


def test_the_status_page_takes_its_permission(staff: Staff, log: Log) -> None:
    assert staff("view_outboxevent").get(STATUS).status_code == 403


def test_the_status_page_is_the_first_of_the_outbox_in_the_index(admin_client: Client, log: Log) -> None:
    apps = admin_client.get("/admin/").context["app_list"]
    (outbox,) = [app for app in apps if app["app_label"] == "outbox"]
    assert [model["name"].strip() for model in outbox["models"]] == [
        "Outbox status",
        "Events",
        "Holds",
        "Ledger entries",
        "Operations",
    ]
    assert f'href="{STATUS}"' in admin_client.get("/admin/outbox/outboxevent/").content.decode()


def test_an_unknown_database_is_not_found(admin_client: Client, log: Log) -> None:
    assert admin_client.get(f"{STATUS}?database=nix").status_code == 404


def test_buttons_are_shown_to_those_who_may(staff: Staff, log: Log) -> None:
    client = staff("view_outboxstatus", "pause_topic")
    poison, paused = log.hold(), log.hold(reason="paused", key=None)
    text = client.get(STATUS).content.decode()
    assert reverse("admin:outbox_outboxstatus_release", args=[paused.pk]) in text
    assert reverse("admin:outbox_outboxstatus_release", args=[poison.pk]) not in text
    assert 'id="pause-topic"' in text


def test_release_makes_the_hold_due_and_keeps_an_audit_entry(staff: Staff, log: Log) -> None:
    client = staff("view_outboxstatus", "release_hold")
    hold = log.hold(log.insert(1))
    assert release(client, hold) == 302
    assert Hold.objects.with_due().get().due
    entry = Ledger.objects.get()
    assert (entry.who, entry.verb, entry.selection) == ("mara", "release", {"hold": [hold.pk]})
    assert (entry.count, entry.outcome) == (1, "done")
    assert "Released 1 hold" in messages(client)


@pytest.mark.parametrize(("reason", "permission"), [("poison", "pause_topic"), ("paused", "release_hold")])
def test_release_and_resume_take_a_permission_each(
    staff: Staff, log: Log, reason: str, permission: str
) -> None:
    client = staff("view_outboxstatus", permission)
    hold = log.hold(reason=reason, key=None)
    assert release(client, hold) == 403
    assert not Hold.objects.with_due().get().due
    assert not Ledger.objects.exists()


@pytest.mark.parametrize("verb", ["release", "discard"])
@pytest.mark.parametrize("lacks", ["view_outboxstatus", "the verb", "the token"])
def test_a_failure_group_takes_the_permission_of_the_verb_and_a_token(
    staff: Staff, log: Log, verb: str, lacks: str
) -> None:
    log.hold(log.insert(1))
    granted = {"release": "release_hold", "discard": "discard_held"}
    other = {"release": "discard_held", "discard": "release_hold"}
    permissions = {
        "view_outboxstatus": [granted[verb]],
        "the verb": ["view_outboxstatus", other[verb]],
        "the token": ["view_outboxstatus", granted[verb]],
    }
    client = staff(*permissions[lacks])
    client.handler.enforce_csrf_checks = lacks == "the token"
    url = f"{STATUS}{verb}/"
    group = {"cause": "poison", "topic": "test.notes", "type": "test.note", "reason": "x"}
    assert client.post(url, group).status_code == 403
    if lacks == "the verb":
        assert client.get(url, group).status_code == 403
        assert url not in client.get(STATUS).content.decode()
    assert not Ledger.objects.exists()


def test_pause_and_resume_of_a_topic(staff: Staff, log: Log) -> None:
    client = staff("view_outboxstatus", "pause_topic")
    assert pause(client, "test.notes") == 302
    hold = Hold.objects.get()
    assert (hold.scope, hold.topic, hold.key, hold.reason, hold.detail, hold.release_at) == (
        "topic",
        "test.notes",
        None,
        "paused",
        "INC-1",
        None,
    )
    assert "paused already" in (pause(client, "test.notes"), messages(client))[1]
    assert Ledger.objects.count() == 1, "what changes nothing is no deed"
    assert release(client, hold) == 302
    assert Hold.objects.with_due().get().due
    assert "resumed" in messages(client)
    assert pause(client, "test.notes") == 302
    assert not Hold.objects.with_due().get().due, "paused again before it was lifted"


def test_pausing_takes_a_permission_and_a_topic_that_exists(staff: Staff, log: Log) -> None:
    client = staff("view_outboxstatus", "release_hold")
    assert pause(client, "test.notes") == 403
    assert not Hold.objects.exists()


def test_a_slip_of_the_pen_pauses_nothing(staff: Staff, log: Log) -> None:
    client = staff("view_outboxstatus", "pause_topic")
    pause(client, "test.nodes")
    assert "Did you mean 'test.notes'?" in messages(client)
    assert not Hold.objects.exists()


def test_a_pause_takes_the_place_of_a_hold_that_would_release_itself(staff: Staff, log: Log) -> None:
    hold = log.hold(reason="topic-missing", key=None)
    hold.release()
    pause(staff("view_outboxstatus", "pause_topic"), "test.notes")
    changed = Hold.objects.get()
    assert (changed.pk, changed.reason, changed.release_at) == (hold.pk, "paused", None)


def test_releasing_a_hold_that_is_gone_says_so(staff: Staff, log: Log) -> None:
    client = staff("view_outboxstatus", "release_hold")
    hold = log.hold()
    url = reverse("admin:outbox_outboxstatus_release", args=[hold.pk])
    hold.delete()
    client.post(url)
    assert "has ended" in messages(client)
    assert not Ledger.objects.exists()


def test_actions_are_posts(admin_client: Client, log: Log) -> None:
    hold = log.hold()
    assert admin_client.get(reverse("admin:outbox_outboxstatus_release", args=[hold.pk])).status_code == 405
    assert admin_client.get(reverse("admin:outbox_outboxstatus_pause")).status_code == 405


def test_discard_asks_for_a_reason_and_keeps_it(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent", "discard_held")
    event, other = log.insert(1), log.insert(2)
    log.hold(event, other)
    form = client.get(reverse("admin:outbox_outboxevent_discard", args=[event])).content.decode()
    assert "never be published" in form
    assert "1 other event behind this hold stays" in form
    assert discard(client, event, reason=" ") == 200
    assert Held.objects.waiting().count() == 2
    assert discard(client, event) == 302
    row = Held.objects.get(event=event)
    assert row.discarded_at is not None
    assert row.discard_reason == "broken since the import"
    entry = Ledger.objects.get()
    assert entry.selection == {"event": [str(OutboxEvent.objects.get(pk=event).event_id)]}
    assert (entry.who, entry.reason, entry.count) == ("mara", "broken since the import", 1)
    assert not Hold.objects.with_due().get().due, "the other event still waits for somebody"
    page = client.get(reverse("admin:outbox_outboxevent_change", args=[event])).content.decode()
    assert "broken since the import" in page


def test_discard_takes_its_permission(staff: Staff, log: Log) -> None:
    event = log.insert(1)
    log.hold(event)
    client = staff("view_outboxevent", "release_hold")
    assert discard(client, event) == 403
    assert client.get(reverse("admin:outbox_outboxevent_discard", args=[event])).status_code == 403
    assert Held.objects.waiting().exists()


def test_an_event_that_may_be_on_its_way_is_not_discarded(staff: Staff, log: Log) -> None:
    event = log.insert(1)
    log.hold(event).release()
    client = staff("discard_held", "view_outboxevent")
    url = reverse("admin:outbox_outboxevent_discard", args=[event])
    assert "being released" in client.post(url, {"reason": "x"}).content.decode()
    assert Held.objects.waiting().exists()


def test_an_event_that_is_not_held_has_no_such_page(staff: Staff, log: Log) -> None:
    assert discard(staff("discard_held"), log.insert(1)) == 404


def test_a_hold_behind_which_nothing_is_left_goes_too_unless_it_is_a_pause(staff: Staff, log: Log) -> None:
    client = staff("discard_held", "view_outboxevent")
    first, second = log.insert(1), log.insert(2)
    poison, paused = log.hold(first), log.hold(second, reason="paused", key=None)
    discard(client, first)
    discard(client, second)
    assert {hold.pk: hold.due for hold in Hold.objects.with_due()} == {poison.pk: True, paused.pk: False}


def test_holds_are_released_from_their_list_by_those_who_may(staff: Staff, log: Log) -> None:
    holds = [log.hold(key="a"), log.hold(key="b")]
    client = staff("view_hold", "release_hold")
    action = {"action": "release_selected", "_selected_action": [hold.pk for hold in holds]}
    client.post("/admin/outbox/hold/", action)
    assert [hold.due for hold in Hold.objects.with_due()] == [True, True]
    assert Ledger.objects.get().count == 2


def test_without_the_permission_the_list_of_holds_has_no_such_action(staff: Staff, log: Log) -> None:
    hold = log.hold()
    client = staff("view_hold")
    client.post("/admin/outbox/hold/", {"action": "release_selected", "_selected_action": [hold.pk]})
    assert not Hold.objects.with_due().get().due


def test_the_page_of_a_hold_lists_what_waits_in_its_order(staff: Staff, log: Log) -> None:
    late, early = log.insert(2), log.insert(1)
    hold = log.hold(early, late)
    text = staff("view_hold", "release_hold").get(reverse("admin:outbox_hold_change", args=[hold.pk]))
    urls = [reverse("admin:outbox_outboxevent_change", args=[event]) for event in (early, late)]
    content = text.content.decode()
    assert content.index(urls[0]) < content.index(urls[1])
    assert "Release</button>" in content
