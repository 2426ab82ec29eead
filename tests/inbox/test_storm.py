"""Members of the group that come and go do not stop the others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.inbox.service import Process, Service
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.waiting import wait_until

SECONDS = float(os.environ.get("STORM_SECONDS", "10"))
EVERY = 2.5
STILL = 5.0  # seconds without an effect that are no standstill yet, on a busy machine


@pytest.fixture
def service(template: str, kafka_bootstrap: str, tmp_path: Path) -> Iterator[Service]:
    with closing(Service(template, kafka_bootstrap, tmp_path, partitions=6)) as service:
        service.create_database()
        yield service


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_rebalance_storm_does_not_stop_the_others(service: Service, number: signal.Signals) -> None:
    """One of three instances is signalled every 2.5 s and started again."""
    steady = [service.start(), service.start()]
    reading = "SELECT count(*) FROM inbox_consumer WHERE partitions > 0"
    wait_until(lambda: service.query(reading) == [(2,)], 60, "both of them read")
    coming: Process = service.start()
    service.buy(5)
    wait_until(lambda: service.handled() > 0, 30, "they begin")
    end = time.monotonic() + SECONDS
    longest = 0.0
    changed_at, before = time.monotonic(), service.handled()
    while time.monotonic() < end:
        coming.send(number)
        next_at = time.monotonic() + EVERY
        while time.monotonic() < next_at:
            service.buy(3)
            time.sleep(0.1)
            if (handled := service.handled()) > before:
                before, changed_at = handled, time.monotonic()
            longest = max(longest, time.monotonic() - changed_at)
        coming.popen.wait(20)
        coming = service.start()
    print(f"longest standstill {longest:.1f} s")
    assert longest < STILL
    service.wait_until_booked(60)
    assert [process.end() for process in steady] == [0, 0]
