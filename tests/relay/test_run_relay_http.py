"""The HTTP server of a run_relay: alive in an outage, ready without one, stuck where its loop is."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import psycopg

from outbox.models import OutboxEvent
from tests.relay.conftest import Writer, wait_for_lock
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.relay.test_run_relay_outage import Gate
from tests.relay.test_run_relay_outage import gate as gate
from tests.scraping import Scrape
from tests.waiting import wait_until

Writers = Callable[[], Writer]
PENDING = 'outbox_pending_events{database="default",shard="0"}'
KAFKA_OUT = 'outbox_relay_outage{cause="kafka"}'
PUBLISHED = "outbox_relay_published_events_total"


def test_a_relay_says_how_it_is_in_an_outage_of_kafka_and_after_it(
    relay: Callable[..., RelayProcess],
    gate: Callable[[str], Gate],
    kafka_bootstrap: str,
    writer: Writers,
    topic: Callable[..., str],
) -> None:
    w, kafka = writer(), gate(f"kafka://{kafka_bootstrap.partition(',')[0]}")
    w.insert("a", 3, topic=topic(1))
    w.commit()
    settings = json.dumps({"BACKOFF_SECONDS": 0.2})
    arguments = ("--http", "0", "--log-format", "json")
    process = relay(*arguments, KAFKA_BOOTSTRAP_SERVERS=kafka.address, TESTS_RELAY=settings)
    scrape = Scrape(process.text, START_SECONDS)
    wait_until(lambda: scrape[KAFKA_OUT] == 1, START_SECONDS, "the outage is shown")
    assert (scrape.status("/live"), scrape.status("/ready")) == (200, 503)
    assert (scrape['outbox_up{database="default"}'], scrape[PENDING], scrape[PUBLISHED]) == (1, 3, 0)
    kafka.heal()
    wait_until(lambda: scrape[PUBLISHED] == 3, START_SECONDS, "the events are published")
    wait_until(lambda: scrape.status("/ready") == 200, START_SECONDS, "it is ready")
    wait_until(lambda: scrape[PENDING] == 0, START_SECONDS, "nothing waits")
    assert scrape["outbox_relay_latency_seconds_count"] == scrape["outbox_relay_wave_events_count"]
    assert scrape[KAFKA_OUT] == 0
    assert process.end() == 0
    actions = [json.loads(line)["action"] for line in process.text().splitlines()]
    assert actions[:2] == ["process.http_started", "relay.started"]
    assert (actions.count("relay.degraded"), actions.count("relay.recovered")) == (1, 1)


def test_a_relay_without_its_database_is_alive_and_says_so(relay: Callable[..., RelayProcess]) -> None:
    away = "postgresql://postgres@127.0.0.1:1/none"
    process = relay("--http", "127.0.0.1:0", SHOP_DATABASE_URL=away)
    scrape = Scrape(process.text, START_SECONDS)
    wait_until(
        lambda: scrape['outbox_relay_outage{cause="postgresql"}'] == 1, START_SECONDS, "the outage is shown"
    )
    assert (scrape.status("/live"), scrape.status("/ready")) == (200, 503)
    assert (scrape['outbox_up{database="default"}'], scrape[PENDING]) == (0, None)
    assert process.end() == 0


def test_a_relay_whose_loop_is_stuck_is_not_alive(
    relay: Callable[..., RelayProcess], writer: Writers
) -> None:
    """Its statement waits for a lock. The server answers all the same."""
    process = relay("--http", "0")
    scrape = Scrape(process.text, START_SECONDS)
    wait_until(lambda: scrape.status("/ready") == 200, START_SECONDS, "it is ready")
    w: psycopg.Connection[object] = writer().connection
    w.execute(f"LOCK TABLE {OutboxEvent._meta.db_table} IN ACCESS EXCLUSIVE MODE")
    wait_for_lock("outbox_event")
    wait_until(lambda: scrape.status("/live?max-age=2") == 503, START_SECONDS, "it is stuck")
    w.rollback()
    wait_until(lambda: scrape.status("/live?max-age=2") == 200, START_SECONDS, "it goes on")
    process.send(signal.SIGTERM)
    assert process.code() == 0
