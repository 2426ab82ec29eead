"""The event list and the page of one event."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outbox.admin import events
from outbox.models import OutboxEvent
from tests.admin.conftest import Log, Staff

LIST = "/admin/outbox/outboxevent/"


def listed(client: Client, query: str = "") -> list[int]:
    """The sequences on a page of the list."""
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return [event.pk for event in answer.context["cl"].result_list]


def page(client: Client, event: int) -> str:
    answer = client.get(reverse("admin:outbox_outboxevent_change", args=[event]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_the_newest_first_with_its_status(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent")
    published, pending = log.insert(5, "a"), log.insert(20, "b")
    log.position("9:9:")
    answer = client.get(LIST)
    shown = [(event.pk, event.status) for event in answer.context["cl"].result_list]
    assert shown == [(pending, "pending"), (published, "published")]


def test_the_list_costs_the_same_number_of_queries_at_any_length(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent")
    log.fill(1)
    with CaptureQueriesContext(connection) as short:
        listed(client)
    log.fill(200)
    log.hold(*OutboxEvent.objects.values_list("pk", flat=True)[:30])
    with CaptureQueriesContext(connection) as long:
        assert len(listed(client)) == 50
    assert len(long) == len(short)
    assert not [query["sql"] for query in long if '"payload"' in query["sql"]]


def test_the_list_can_be_narrowed_by_status(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent")
    published, held, discarded, pending = (log.insert(xid) for xid in (1, 2, 3, 20))
    log.position("9:9:")
    log.hold(held, discarded)
    log.discard(discarded)
    assert listed(client, "status=pending") == [pending]
    assert listed(client, "status=published") == [published]
    assert listed(client, "status=held") == [held]
    assert listed(client, "status=discarded") == [discarded]
    assert listed(client, "status=nonsense") == []
    assert len(listed(client)) == 4


def test_the_list_can_be_narrowed_by_type_and_topic(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent")
    note, parcel = log.insert(1), log.insert(2, topic="test.parcels", type="test.parcel.saved")
    assert listed(client, "type=test.parcel.saved") == [parcel]
    assert listed(client, "topic=test.notes") == [note]
    choices = client.get(LIST).content.decode()
    assert "test.parcel.deleted" in choices


def test_search_is_exact_by_event_id_sequence_and_key(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent")
    first, second = log.insert(1, "a key"), log.insert(2, "other")
    keyed = log.insert(3, str(first))
    event_id = OutboxEvent.objects.get(pk=second).event_id
    assert listed(client, f"q={event_id}") == [second]
    assert listed(client, f"q={event_id.hex.upper()}") == [second]
    assert listed(client, f"q={first:020}") == [first]
    assert listed(client, f"q={first}") == [keyed, first]
    assert listed(client, "q=a+key") == [first]
    assert listed(client, "q=a") == []
    assert listed(client, f"q={'9' * 30}") == []
    assert listed(client, f"q={UUID(int=5)}") == []


@pytest.mark.parametrize(
    "query", ["payload__contains=x", "event_id__startswith=0", "key=a", "held__hold__detail=x", "xid__gt=1"]
)
def test_a_query_string_made_by_hand_is_refused(staff: Staff, log: Log, query: str) -> None:
    assert staff("view_outboxevent").get(f"{LIST}?{query}").status_code == 400


def test_the_page_shows_the_headers_as_the_relay_sends_them(staff: Staff, log: Log) -> None:
    event = OutboxEvent.objects.get(pk=log.insert(1, "a<b"))
    text = page(staff("view_outboxevent"), event.pk)
    rows = re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td>', text)
    sent = [(name, value.decode().replace("<", "&lt;")) for name, value in events.record(event).headers]
    assert rows == [("(topic)", "test.notes"), ("(key)", "a&lt;b"), *sent]
    assert dict(sent) | {"ce_id": str(event.event_id), "ce_correlationid": "req-1"} == dict(sent)


@override_settings(RELAY={"CONTENT_MODE": "structured"})
def test_in_structured_mode_the_headers_are_those_of_that_mode(staff: Staff, log: Log) -> None:
    assert "application/cloudevents+json" in page(staff("view_outboxevent"), log.insert(1))


def test_the_payload_takes_a_permission_of_its_own(staff: Staff, log: Log) -> None:
    event = log.insert(1, payload=b'{"text": "only for some"}')
    client = staff("view_outboxevent")
    text = page(client, event)
    assert "only for some" not in text
    assert "you need the permission" in text


def test_with_that_permission_it_is_shown_without_its_secrets_and_escaped(staff: Staff, log: Log) -> None:
    event = log.insert(1, payload=b'{"text": "<script>alert(1)</script>", "password": "hunter2"}')
    text = page(staff("view_outboxevent", "view_payload"), event)
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "hunter2" not in text


def test_bytes_and_tombstones_are_shown_as_what_they_are(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent", "view_payload", "view_raw_payload")
    picture, tombstone = (
        log.insert(1, payload=b"\x89PNG", content_type="image/png"),
        log.insert(2, payload=None),
    )
    assert "89 50 4e 47" in page(client, picture)
    assert "tombstone" in page(client, tombstone)


def test_the_page_tells_why_an_event_is_held_and_links_to_the_hold(staff: Staff, log: Log) -> None:
    event = log.insert(1)
    hold = log.hold(event)
    text = page(staff("view_outboxevent"), event)
    assert "too large" in text
    assert reverse("admin:outbox_hold_change", args=[hold.pk]) in text
    assert "Discard" not in text


def test_events_can_neither_be_added_nor_changed_nor_deleted(admin_client: Client, log: Log) -> None:
    event = log.insert(1)
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.get(f"{LIST}{event}/delete/").status_code == 403
    assert admin_client.post(f"{LIST}{event}/change/", {"topic": "x"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [event]}
    admin_client.post(LIST, action)
    assert OutboxEvent.objects.get(pk=event).topic == "test.notes"


def test_without_permission_there_is_no_list(staff: Staff, log: Log) -> None:
    assert staff("view_hold").get(LIST).status_code == 403
