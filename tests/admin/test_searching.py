"""Finding events among millions: in pieces of the log, by time, by topics that nobody registered."""

from __future__ import annotations

import pytest
from django.test import Client

from outbox.admin import filters
from outbox.models import OutboxEvent
from tests.admin.conftest import Log

LIST = "/admin/outbox/outboxevent/"


def listed(client: Client, query: str) -> list[int]:
    return [event.pk for event in client.get(f"{LIST}?{query}").context["cl"].result_list]


def test_a_key_is_found_at_any_depth_piece_by_piece(
    admin_client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "NEWEST", 3)
    ids = [log.insert(n + 1, "a" if n in (0, 4) else "b") for n in range(9)]
    assert listed(admin_client, "q=a") == []
    page = admin_client.get(f"{LIST}?q=a").content.decode()
    assert f"before={ids[6]}" in page
    assert listed(admin_client, f"q=a&before={ids[6]}") == [ids[4]]
    assert f"before={ids[3]}" in admin_client.get(f"{LIST}?q=a&before={ids[6]}").content.decode()
    assert listed(admin_client, f"q=a&before={ids[3]}") == [ids[0]]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "٣"])
def test_a_sequence_that_is_none_is_ignored(admin_client: Client, log: Log, before: str) -> None:
    event = log.insert(1)
    assert listed(admin_client, f"before={before}") == [event]


def test_published_events_are_shown_although_the_last_thousand_are_held(
    admin_client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "PUBLISHED", 2)
    published = [log.insert(1), log.insert(2)]
    log.hold(*(log.insert(n) for n in range(3, 13)))
    log.position("20:20:")
    assert listed(admin_client, "status=published") == published[::-1]


def test_events_are_found_by_their_age(admin_client: Client, log: Log) -> None:
    old, new = log.insert(1, age=7_200), log.insert(2)
    assert listed(admin_client, "within=60") == [new]
    assert listed(admin_client, "within=1440") == [new, old]
    assert listed(admin_client, "within=nix") == [new, old]


def test_topics_and_types_that_nobody_registered_can_be_chosen(admin_client: Client, log: Log) -> None:
    foreign = log.insert(1, topic="legacy.orders", type="legacy.order")
    log.insert(2)
    page = admin_client.get(LIST).content.decode()
    assert "topic=legacy.orders" in page
    assert "type=legacy.order" in page
    assert listed(admin_client, "topic=legacy.orders") == [foreign]
    assert OutboxEvent.objects.count() == 2
