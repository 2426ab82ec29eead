"""An event is found in Kafka on demand, within a bound of time, and no page waits for Kafka otherwise."""

from __future__ import annotations

from contextlib import closing
from itertools import count
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from pytest_django import Settings

from outbox.admin import in_kafka as page
from outbox.models import OutboxEvent
from outbox.search import in_kafka
from outbox_core.errors import KafkaUnreachable
from relay import lookup
from tests.relay.audits import Audited, it

__all__ = ["it"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_kafka]


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_its_partition_and_offset_are_found_once_it_is_published(
    it: Audited, settings: Settings, client: str
) -> None:
    settings.KAFKA = {**settings.KAFKA, "BACKEND": client}
    it.emit("a", 3)
    event = OutboxEvent.objects.order_by("pk")[1]
    find = in_kafka.finder()
    assert find is not None
    asked = (event.topic, str(event.event_id), event.created_at)
    assert not find(*asked, 10.0).places
    it.send(it.drain())
    found = find(*asked, 10.0)
    assert [(each.partition, each.offset, each.replay) for each in found.places] == [(0, 1, False)]
    assert found.complete
    assert found.places[0].sent_at is not None
    ticks = count(step=100)
    with patch("relay.audit.kafka.KafkaLog.records", lambda *_: iter([[]] * 1_000)):
        late = lookup.find(*asked, 10.0, clock=lambda: float(next(ticks)))
    assert not late.complete


def commit(it: Audited, group: str, offset: int) -> None:
    place = TopicPartition(it.topic, 0)
    with closing(KafkaConsumer(bootstrap_servers=it.bootstrap, group_id=group)) as member:
        member.assign([place])
        member.commit({place: OffsetAndMetadata(offset, "", -1)})


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_the_groups_that_have_it_are_named(it: Audited, settings: Settings, client: str) -> None:
    settings.KAFKA = {**settings.KAFKA, "BACKEND": client}
    it.emit("a", 3)
    it.send(it.drain())
    event = OutboxEvent.objects.order_by("pk")[1]
    asked = (event.topic, str(event.event_id), event.created_at, 10.0)
    assert lookup.find(*asked).groups == []
    behind, past = f"behind-{it.topic}", f"past-{it.topic}"
    commit(it, behind, 0)
    commit(it, past, 2)
    groups = lookup.find(*asked).groups
    assert groups is not None
    assert [(each.group, each.past, each.lag, each.members) for each in groups] == [
        (behind, False, 2, 0),
        (past, True, 0, 0),
    ]
    browser = Client()
    browser.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    page = browser.get(f"/admin/outbox/outboxevent/{event.pk}/kafka/").content.decode()
    assert (behind in page, past in page, "not yet: 2 records" in page) == (True, True, True)
    inspector = f"relay.publishers.{client.replace('-', '_')}.inspector.Inspector.groups"
    with patch(inspector, side_effect=KafkaUnreachable("no coordinator")):
        found = lookup.find(*asked)
    assert (len(found.places), found.groups) == (1, None)


def test_what_cannot_be_read_is_said(settings: Settings, it: Audited) -> None:
    it.emit("a")
    event = OutboxEvent.objects.get()
    missing = lookup.find("no.such.topic", str(event.event_id), event.created_at, 5.0)
    assert "no.such.topic" in missing.trouble
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": "127.0.0.1:1"}}
    assert lookup.find(event.topic, str(event.event_id), event.created_at, 5.0).trouble


def test_the_page_is_for_those_who_may_see_events_and_takes_one_thread(it: Audited) -> None:
    it.emit("a")
    event = OutboxEvent.objects.get()
    address = f"/admin/outbox/outboxevent/{event.pk}/kafka/"
    client = Client()
    assert client.get(address).status_code == 302
    client.force_login(User.objects.create(username="clerk", is_staff=True))
    assert client.get(address).status_code == 403
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    assert client.get(address).context["lookup"].complete
    assert client.post(address).status_code == 405
    with page._one:
        assert client.get(address).context["lookup"] is page.BUSY
    with patch("outbox.search.in_kafka._finders", []):
        assert client.get(address).context["lookup"] is page.NO_RELAY
    with patch("outbox.search.in_kafka._finders", [pytest.fail]):
        assert client.get(f"/admin/outbox/outboxevent/{event.pk}/change/").status_code == 200
