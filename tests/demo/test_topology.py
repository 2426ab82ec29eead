"""The databases, topics and groups of a demo."""

from __future__ import annotations

import re
from pathlib import Path

from demo.topology import CONSUMERS, CRM, SERVICES, TOPICS, Topology
from outbox.write.registry import registry

ROOT = Path(__file__).resolve().parents[2]
SHARED = Topology("postgresql://me:secret@db:5433/postgres?sslmode=require", "kafka:9092", "a1b2c3")
OWN = Topology("postgresql://postgres@127.0.0.1:5432/postgres", "127.0.0.1:9092")


def test_every_topic_of_the_shop_is_created() -> None:
    declared = {event.topic for event in registry if event.topic.startswith("shop.")}
    assert declared == set(TOPICS)


def test_the_topics_of_a_consumer_are_those_of_its_settings() -> None:
    for service in CONSUMERS:
        text = (ROOT / f"{service.settings.replace('.', '/')}.py").read_text()
        assert set(re.findall(r'"(shop\.\w+)"', text)) == set(service.topics)


def test_several_demos_share_servers_under_names_of_their_own() -> None:
    assert SHARED.url(CRM) == "postgresql://me:secret@db:5433/crm_demo_a1b2c3?sslmode=require"
    assert SHARED.topics[0] == "demo-a1b2c3.shop.customers"
    assert SHARED.group(CRM) == "demo-a1b2c3.crm"


def test_servers_of_its_own_need_no_such_names() -> None:
    assert [OWN.database(service) for service in SERVICES] == ["shop", "crm", "analytics", "notifications"]
    assert OWN.topics == list(TOPICS)


def test_each_service_is_told_its_database() -> None:
    environ = SHARED.environ()
    assert environ["CRM_DATABASE_URL"] == SHARED.url(CRM)
    assert environ["KAFKA_TOPIC_PREFIX"] == "demo-a1b2c3."
