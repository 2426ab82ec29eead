"""run_consumer --processes: siblings share the partitions, and leave each other in the group."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.inbox.service import Service
from tests.inbox.test_run_consumer import service as service  # a fixture
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance
READING = "SELECT pid FROM inbox_consumer WHERE partitions > 0"
HOST = socket.gethostname()


def test_siblings_share_the_partitions_and_one_that_dies_is_replaced(service: Service) -> None:
    """The new process removes its predecessor from the group, and nobody else. Its session lasts 45 s."""

    def reading() -> set[int]:
        return {pid for (pid,) in service.query(READING)}

    both = service.start("tests.inbox.killed", "--processes", "2", SESSION_TIMEOUT_MS="45000")
    wait_until(lambda: len(reading()) == 2, 60, "both processes have partitions")
    survivor, dead = sorted(reading())
    service.buy(50)
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: len(reading() - {dead}) == 2, 40, "another one has its partitions")
    assert survivor in reading()
    service.buy(20)
    service.wait_until_booked()
    assert both.alive
    assert both.end() == 0, both.text()
    assert both.text().count(f"{HOST}:{dead}") == 1
    assert f"{HOST}:{survivor}" not in both.text()
    assert "Traceback" not in both.text()
    assert service.query("SELECT count(*) FROM inbox_consumer") == [(0,)]


def test_a_consumer_that_does_not_exist_is_said_once(service: Service) -> None:
    unknown = service.manage("run_consumer", "nobody", "--processes", "2")
    assert (unknown.returncode, unknown.stderr.count("CommandError")) == (2, 1), unknown.stderr
