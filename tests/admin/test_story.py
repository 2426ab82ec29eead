"""The page of an event says what wrote it, what surrounds it and what became of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from outbox.models import OutboxEvent
from outbox.search import story
from outbox_core.people.tree import tree
from shop.models import Order
from tests.admin.conftest import Log, Staff, logged_in
from tests.admin.test_searching import counted


def page(client: Client, event: int) -> str:
    answer = client.get(address(event))
    assert answer.status_code == 200
    return answer.content.decode()


def address(event: int) -> str:
    return reverse("admin:outbox_outboxevent_change", args=[event])


def told(client: Client, event: int) -> dict[str, Any]:
    found: dict[str, Any] = client.get(address(event)).context["story"]
    return found


def ids(near: story.Nearby) -> list[int]:
    return [each.pk for each in near.events]


def with_headers(event: int, **headers: str) -> OutboxEvent:
    OutboxEvent.objects.filter(pk=event).update(headers=headers)
    return OutboxEvent.objects.get(pk=event)


def test_the_events_before_and_behind_it_are_those_of_its_key_and_topic(
    admin_client: Client, log: Log
) -> None:
    of_key = [log.insert(n, "a") for n in range(1, 16)]
    log.insert(20, "a", topic="test.other")
    log.insert(21, "b")
    found = told(admin_client, of_key[7])
    assert ids(found["before"]) == of_key[2:7]
    assert ids(found["behind"]) == of_key[8:13]
    assert found["before"].more
    assert found["behind"].more
    first = told(admin_client, of_key[0])
    assert ids(first["before"]) == []
    assert not first["before"].more


def test_its_transaction_its_cause_and_its_effects_are_linked(admin_client: Client, log: Log) -> None:
    cause, sibling, event = log.insert(1), log.insert(2), log.insert(2)
    effect = log.insert(3)
    with_headers(event, causationid=str(OutboxEvent.objects.get(pk=cause).event_id))
    with_headers(effect, causationid=str(OutboxEvent.objects.get(pk=event).event_id))
    found = told(admin_client, event)
    assert found["cause"].pk == cause
    assert ids(found["effects"]) == [effect]
    assert ids(found["transaction"]) == [sibling]
    text = page(admin_client, event)
    for other in (cause, effect, sibling):
        assert f'href="{address(other)}"' in text
    elsewhere = with_headers(effect, causationid="order-7 of another service")
    assert told(admin_client, elsewhere.pk)["cause"] is None
    assert "order-7 of another service" in page(admin_client, elsewhere.pk)


def test_the_user_and_the_object_are_links_only_for_those_who_may_see_them(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent")
    user = User.objects.get(username="mara")
    order = Order.objects.create(customer=user, total=1, placed_at=timezone.now())
    placed = log.insert(1, str(order.pk), type="shop.order.placed")
    event = with_headers(placed, actor=str(user.pk), correlationid="req 1&2")
    seen = client.get(address(event.pk)).context
    assert (seen["user_who"].text, seen["user_who"].url) == (str(user.pk), "")
    assert [each.url for each in seen["objects"]] == [""]
    assert seen["writers"] == ["shop.receivers.order_saved()"]
    assert "by=correlation&amp;q=req%201%262" in page(client, event.pk)
    of_apps = Permission.objects.filter(content_type__app_label__in=("auth", "shop"))
    user.user_permissions.add(*of_apps.filter(codename__in=("view_user", "view_customer", "view_order")))
    client = logged_in(User.objects.get(pk=user.pk))
    seen = client.get(address(event.pk)).context
    assert seen["user_who"].text == "mara"
    assert [each.url for each in seen["objects"]] == [reverse("admin:shop_order_change", args=[order.pk])]
    order.delete()
    assert [each.url for each in client.get(address(event.pk)).context["objects"]] == [""]


def test_of_a_million_events_its_page_reads_the_nearest(
    admin_client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "NEAR", 100)
    log.fill(3_000)
    middle = OutboxEvent.objects.order_by("pk").values_list("pk", flat=True)[1_500]
    with counted() as read, CaptureQueriesContext(connection) as queries:
        found = told(admin_client, middle)
    assert found["before"].more
    assert sum(read) <= 1_000, read
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) <= 12


def test_a_page_whose_surroundings_take_too_long_shows_the_rest(
    admin_client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.search.search.STATEMENT_SECONDS", 1)
    monkeypatch.setattr(story, "surroundings", lambda *, by_index: "SELECT 'cause', 0, pg_sleep(60)")
    text = page(admin_client, log.insert(1, payload=b'{"text": "still here"}'))
    assert "still here" in text
    assert "What surrounds the event is not shown" in text


def test_headers_are_those_sent_or_to_be_sent(admin_client: Client, log: Log) -> None:
    published, pending, discarded = log.insert(1), log.insert(50), log.insert(2)
    log.position("9:9:")
    log.hold(discarded)
    log.discard(discarded)
    assert "Headers as sent" in page(admin_client, published)
    assert "Headers to be sent" in page(admin_client, pending)
    assert "which are never sent" in page(admin_client, discarded)


def test_without_the_right_no_payload_is_on_the_page_or_near_it(staff: Staff, log: Log) -> None:
    client = staff("view_outboxevent")
    cause = log.insert(1, payload=b'{"text": "for few eyes"}')
    event = log.insert(1, payload=b'{"text": "for few eyes"}')
    with_headers(event, causationid=str(OutboxEvent.objects.get(pk=cause).event_id))
    with CaptureQueriesContext(connection) as queries:
        text = page(client, event)
    assert "for few eyes" not in text
    assert not [
        sql
        for sql in queries
        if "SELECT" in sql["sql"] and '"payload"' in sql["sql"] and "IN (" in sql["sql"]
    ]


def test_a_payload_is_a_tree_without_secrets_and_without_rounded_numbers() -> None:
    shown = tree('{"total": 1.10, "id": 12345678901234567890, "lines": [{"<b>": "\\u202e"}], "none": {}}')
    assert shown is not None
    for part in ("1.10", "12345678901234567890", "&lt;b&gt;", "\\u202e", "[1]", "{}"):
        assert part in shown
    assert tree("not json") is None
    assert tree('"text"') is None
    assert tree(str(list(range(5_000)))) is None


def test_the_page_shows_the_tree_of_a_payload(staff: Staff, log: Log) -> None:
    event = log.insert(1, payload=b'{"order": {"password": "hunter2", "lines": [1]}}')
    text = page(staff("view_outboxevent", "view_payload"), event)
    assert 'class="outbox-tree"' in text
    assert "hunter2" not in text
