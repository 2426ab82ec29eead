"""Two deployments of a service, each with a database of its own, share one group by mistake."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.service import Service
from tests.inbox.test_run_consumer import service as service  # a fixture
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance
KILLED = "tests.inbox.killed"
CUSTOMERS, ORDERS = 50, 50
HANDLED = CUSTOMERS + ORDERS + ORDERS // 10
READING = "SELECT sum(partitions)::int FROM inbox_consumer"


@pytest.fixture
def copy(service: Service, template: str, kafka_bootstrap: str, tmp_path: Path) -> Iterator[Service]:
    """The same service on another database."""
    folder = tmp_path / "copy"
    folder.mkdir()
    with closing(Service(template, kafka_bootstrap, folder)) as copy:
        copy.prefix = service.prefix
        copy.create_database()
        yield copy


def send(service: Service) -> None:
    """So many events that each partition of both topics has some."""
    for number in range(CUSTOMERS):
        data = {"customer_id": number + 100, "username": "u", "email": "e", "name": "n"}
        registered = {**data, "registered_at": "1997-01-01T00:00:00Z"}
        service.send("shop.customers", str(number), "shop.customer.registered", registered)
    service.buy(ORDERS)


def status(service: Service) -> tuple[int, list[str], Any]:
    """The exit code, the problems that are about the group, and the status of the consumer."""
    done = service.manage("inbox_status", "crm", "--json")
    report = json.loads(done.stdout)
    texts = [each["text"] for each in report["problems"] if "group-shared" in each["runbook"]]
    return done.returncode, texts, report["consumers"][0]


@BOTH_CLIENTS
def test_each_status_says_it_and_what_was_missing_is_read_when_the_other_one_is_gone(
    service: Service, copy: Service, client: str
) -> None:
    ours = service.start(KILLED, READS_WITH=client)
    wait_until(lambda: service.query(READING) == [(6,)], 40, "it has all partitions")
    assert status(service)[:2] == (0, [])
    theirs = copy.start(KILLED, READS_WITH=client)
    wait_until(lambda: (copy.query(READING)[0][0] or 0) > 0, 40, "the other one has some of them")
    send(service)
    wait_until(lambda: status(service)[1], 40, "the status says it")
    text = f"Group {service.prefix}crm has 1 member that writes no heartbeat into this database."
    for each in (service, copy):
        code, texts, consumer = status(each)
        assert (code, texts) == (1, [text])
        assert (consumer["strangers"], consumer["instances"]) == (1, 1)
    wait_until(copy.handled, 20, "the other one handles events")
    assert theirs.end() == 0
    wait_until(lambda: service.handled() == HANDLED, 40, "nothing is missing here")
    assert service.booked() == service.expected()
    assert status(service)[:2] == (0, [])
    assert ours.end() == 0


@BOTH_CLIENTS
def test_a_process_that_was_killed_is_no_stranger(service: Service, client: str) -> None:
    """The group knows it until its session times out, and the table for a minute."""
    patience = {"SESSION_TIMEOUT_MS": "45000", "READS_WITH": client}
    service.buy(5)
    process = service.start(KILLED, **patience)
    service.wait_until_booked()
    process.send(signal.SIGKILL)
    process.popen.wait(20)
    code, texts, consumer = status(service)
    assert (code, texts, consumer["strangers"]) == (0, [], 0)
