"""run_consumer as processes, ended by real signals: behind any crash, effects happen once."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.forwarder import Forwarder
from tests.inbox.service import Process, Service, admin, manage, server_url
from tests.scraping import Scrape
from tests.waiting import wait_until

Make = Callable[..., Service]


@pytest.fixture(scope="module")
def template(postgres: object) -> Iterator[str]:
    """A database of the CRM with its tables, to be copied."""
    name = f"test_crm_template_{secrets.token_hex(5)}"
    admin(f'CREATE DATABASE "{name}"')
    migrated = manage("migrate", settings="consumers.crm.settings", CRM_DATABASE_URL=server_url(name))
    assert migrated.returncode == 0, migrated.stderr
    yield name
    admin(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def service(template: str, kafka_bootstrap: str, tmp_path: Path) -> Iterator[Service]:
    with closing(Service(template, kafka_bootstrap, tmp_path)) as service:
        service.create_database()
        yield service


def ended(process: Process) -> bool:
    return process.popen.poll() is not None


def told(process: Process, text: str) -> int:
    return process.text().count(text)


def test_sigterm_finishes_and_leaves_the_group(service: Service) -> None:
    """The next process is given the partitions at once, and has nothing to do again."""
    service.buy(30)
    first = service.start()
    service.wait_until_booked()
    assert first.end() == 0
    assert told(first, "crm: stopped after 33 events") == 1
    assert service.query("SELECT count(*) FROM inbox_consumer") == [(0,)]
    service.buy(20)
    second = service.start()
    service.wait_until_booked(timeout=9)
    assert second.end() == 0
    assert second.handled() == 22
    assert told(second, "Traceback") == 0


@pytest.mark.parametrize(
    ("point", "client"),
    [
        ("before-commit", KAFKA_PYTHON),
        ("before-offsets", KAFKA_PYTHON),
        ("after-offsets", KAFKA_PYTHON),
        ("before-offsets", CONFLUENT),
    ],
)
def test_sigkill_anywhere_repeats_nothing_and_loses_nothing(
    service: Service, point: str, client: str
) -> None:
    """The next process of this machine does not wait until the group notices the death."""
    patience = {"SESSION_TIMEOUT_MS": "45000", "READS_WITH": client}
    service.buy(200)
    first = service.start("tests.inbox.killed", KILL_AT=point, **patience)
    assert first.popen.wait(40) == -signal.SIGKILL, first.text()
    begun = service.handled()
    assert 0 < begun < 220
    second = service.start("tests.inbox.killed", **patience)
    service.wait_until_booked(timeout=40)
    assert told(second, f"{socket.gethostname()}:{first.popen.pid}") == 1


def test_two_instances_share_the_partitions_and_hand_them_over(service: Service) -> None:
    service.buy(50)
    first = service.start()
    service.wait_until_begun()
    second = service.start()
    both = "SELECT count(*) FROM inbox_consumer WHERE partitions > 0"

    def shared() -> bool:
        service.buy(20)
        return service.query(both) == [(2,)]

    wait_until(shared, 40, "both instances have partitions")
    service.buy(200)
    assert first.end() == 0
    service.buy(50)
    service.wait_until_booked()
    assert second.end() == 0
    assert first.handled() + second.handled() == service.handled()
    assert min(first.handled(), second.handled()) > 0
    assert told(second, f"{socket.gethostname()}:{first.popen.pid}") == 0, "it runs, so it stays a member"


def test_frozen_instance_neither_blocks_nor_repeats(service: Service) -> None:
    """It is stopped in a transaction, thrown out of the group, and goes on when another has done its work."""
    with service.customers_locked():
        service.buy(100)
        frozen = service.start("tests.inbox.killed")
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        wait_until(lambda: service.query(waiting), 30, "it has a transaction in hand")
        frozen.send(signal.SIGSTOP)
    other = service.start("tests.inbox.killed")
    wait_until(
        lambda: service.booked()[0] > 0 or told(other, "is not available"), 45, "the other has taken over"
    )
    wait_until(lambda: not frozen.alive, 20, "its health check sees that it is frozen")
    assert other.alive
    frozen.send(signal.SIGCONT)
    service.buy(50)
    service.wait_until_booked()
    assert (frozen.end(), other.end()) == (0, 0)


def test_database_that_goes_away_is_waited_for(service: Service) -> None:
    service.buy(50)
    process = service.start()
    service.wait_until_begun()
    admin(f'ALTER DATABASE "{service.database}" ALLOW_CONNECTIONS false')
    admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{service.database}'")
    service.buy(50)
    wait_until(lambda: told(process, "is not available"), 20, "it says that it waits")
    process.wait_for_progress()
    admin(f'ALTER DATABASE "{service.database}" ALLOW_CONNECTIONS true')
    service.wait_until_booked()
    assert process.end() == 0
    assert (
        told(process, "PostgreSQL (storing events) is not available")
        == told(process, "PostgreSQL (storing events) is available again")
        == 1
    )
    assert told(process, "Traceback") == 0


def test_neither_kafka_nor_database_need_be_there_at_start(service: Service, kafka_bootstrap: str) -> None:
    """Each is said once to be missing, and once to be there."""
    admin(f'DROP DATABASE "{service.database}"')
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = service.start(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    wait_until(lambda: told(process, "PostgreSQL is not available"), 20, "it misses PostgreSQL")
    process.wait_for_progress()
    service.create_database()
    wait_until(lambda: told(process, "Kafka is not available"), 20, "it misses Kafka")
    for _ in range(40):
        assert process.alive, "a consumer that waits is alive"
        time.sleep(0.25)
    with Forwarder(port, kafka_bootstrap):
        service.buy(10)
        service.wait_until_booked()
        assert process.end() == 0
        assert not process.liveness_file.exists()
    for what in ("PostgreSQL", "Kafka"):
        assert (told(process, f"{what} is not available"), told(process, f"{what} is available again")) == (
            1,
            1,
        )
    assert told(process, "Traceback") == 0


@BOTH_CLIENTS
def test_a_consumer_says_how_it_is_in_outages_and_after_them(
    service: Service, kafka_bootstrap: str, client: str
) -> None:
    admin(f'DROP DATABASE "{service.database}"')
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = service.start(
        "tests.inbox.killed", "--http", "0", "--log-format", "json",
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}", READS_WITH=client,
    )  # fmt: skip
    scrape, crm = Scrape(process.text, 40), 'consumer="crm"'
    assert (scrape.status("/live"), scrape.status("/ready")) == (200, 503)
    assert scrape[f"inbox_up{{{crm}}}"] == 0
    service.create_database()
    kafka = f'inbox_consumer_outage{{{crm},what="Kafka"}}'
    wait_until(lambda: scrape[kafka] == 1, 40, "it misses Kafka")
    wait_until(lambda: scrape[f"inbox_up{{{crm}}}"] == 1, 40, "its database is there")
    assert (scrape.status("/live"), scrape.status("/ready")) == (200, 503)
    assert (scrape[f"inbox_lag_up{{{crm}}}"], scrape[f"inbox_held_events{{{crm}}}"]) == (0, 0)
    with Forwarder(port, kafka_bootstrap):
        service.buy(10)
        wait_until(lambda: scrape.status("/ready") == 200, 40, "it is ready")
        service.wait_until_booked()
        wait_until(lambda: scrape[f"inbox_lag_events{{{crm}}}"] == 0, 40, "it has caught up")
        assert scrape[f"inbox_consumer_handled_events_total{{{crm}}}"] == 11
        assert scrape[f"inbox_consumer_partitions{{{crm}}}"] == 6
        assert scrape[kafka] == 0
        assert process.end() == 0
    lines = [json.loads(line) for line in process.text().splitlines()]
    recovered = {line["what"] for line in lines if line["action"] == "inbox.recovered"}
    assert recovered == {"PostgreSQL", "Kafka"}
    assert [line["action"] for line in lines if line["level"] == "ERROR"] == []


def test_missing_tables_are_a_clear_error(service: Service) -> None:
    with psycopg.connect(server_url(service.database)) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app IN ('inbox', 'crm')")
    ended = service.manage("run_consumer", "crm")
    assert ended.returncode == 1
    message = "database 'default' has unapplied migrations: "
    assert message in ended.stderr
    assert "Run: manage.py migrate" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_signals_that_come_together_end_it_cleanly(
    service: Service, numbers: tuple[signal.Signals, signal.Signals]
) -> None:
    service.buy(5)
    process = service.start()
    service.wait_until_begun()
    process.send(numbers[0])
    time.sleep(0.002)
    assert process.end(numbers[1]) == 0


def test_second_signal_forces_the_end(service: Service) -> None:
    service.buy(20)
    with service.customers_locked():
        process = service.start()
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        wait_until(lambda: service.query(waiting), 30, "it has a transaction in hand")
        process.send(signal.SIGTERM)
        time.sleep(1.5)  # within a second it would be the same wish
        assert not ended(process)
        assert process.end() == 3
    assert service.booked() == (0, 0.0)


def test_held_events_are_released_in_order_while_it_runs(service: Service) -> None:
    """A customer's events wait behind one that a constraint refuses, until that is repaired."""
    with psycopg.connect(server_url(service.database)) as connection:
        connection.execute("ALTER TABLE crm_customer ADD CONSTRAINT short CHECK (length(name) < 9)")
    held = "SELECT count(*) FROM inbox_held"
    process = service.start()
    customer = {"customer_id": 1, "username": "u", "email": "e", "registered_at": "1997-01-01T00:00:00Z"}
    service.send("shop.customers", "1", "shop.customer.registered", {**customer, "name": "short"})
    service.send("shop.customers", "1", "shop.customer.changed", {**customer, "name": "far too long"})
    service.buy(10)
    wait_until(lambda: service.query(held) == [(1,)], 40, "the poison is held")
    for name in ("renamed", "again"):
        service.send("shop.customers", "1", "shop.customer.changed", {**customer, "name": name})
    wait_until(lambda: service.query(held) == [(3,)], 20, "the others are held behind it")
    wait_until(lambda: service.booked() == service.expected(), 20, "the others go on")
    undecided = "SELECT count(*) FROM inbox_held WHERE error <> '' AND retry_at IS NULL"
    wait_until(lambda: service.query(undecided) == [(1,)], 60, "it has had its attempts")
    status = service.manage("inbox_status", "crm")
    assert (status.returncode, "3 events are held" in status.stdout) == (1, True)
    with psycopg.connect(server_url(service.database)) as connection:
        connection.execute("ALTER TABLE crm_customer DROP CONSTRAINT short")
    assert "Released 3 events" in service.manage("inbox_release", "--key", "1").stdout
    name = "SELECT name FROM crm_customer WHERE customer_id = 1"
    wait_until(lambda: service.query(name) == [("again",)], 20, "they are handled in order")
    assert service.query(held) == [(0,)]
    assert process.end() == 0
