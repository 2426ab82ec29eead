"""run_consumer with WORKERS when processes die: nothing is lost, and workers that live continue."""

from __future__ import annotations

import os
import signal

import pytest

from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.test_run_consumer import service as service  # a fixture
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.inbox.works import BUSY, LONG, Works, runs, workers
from tests.inbox.works import works as works  # a fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance


@BOTH_CLIENTS
def test_a_worker_that_is_killed_in_a_handler_holds_no_other_up(works: Works, client: str) -> None:
    works.send("slow")
    process = works.start(READS_WITH=client)
    victim = works.worker_of("slow")
    works.send("slow", seconds=4)
    works.send("slow", 2)
    wait_until(lambda: works.service.query(BUSY), LONG, "the slow handler runs")
    for number in range(30):
        works.send(f"k{number}", 2)
    os.kill(victim, signal.SIGKILL)
    works.wait()
    assert runs(process.popen.pid)
    assert len(workers(process)) == 4
    assert works.worker_of("slow") != victim
    assert process.end() == 0


def test_an_event_that_kills_its_worker_is_held_and_all_others_are_handled(works: Works) -> None:
    works.send("bad")
    works.send("bad", deed="dies")
    works.send("bad", 2)
    for number in range(20):
        works.send(f"k{number}", 3)
    process = works.start()
    works.wait("bad")
    undecided = "SELECT attempts FROM inbox_held WHERE error <> '' AND retry_at IS NULL"
    wait_until(lambda: works.service.query(undecided), LONG, "it is held until a person decides")
    assert works.service.query(undecided) == [(3,)]
    assert works.effects("bad") == [0]
    assert works.service.query("SELECT count(*) FROM inbox_held") == [(3,)]
    assert "they are tried one by one" in process.text().lower()
    assert process.end() == 0


@pytest.mark.parametrize(
    ("point", "client"),
    [("before-offsets", KAFKA_PYTHON), ("after-offsets", CONFLUENT)],
)
def test_workers_end_with_their_consumer_and_the_next_one_goes_on(
    works: Works, point: str, client: str
) -> None:
    for number in range(30):
        works.send(f"k{number}", 20, seconds=0.01)
    first = works.start(KILL_AT=point, READS_WITH=client)
    assert first.popen.wait(LONG) == -signal.SIGKILL, first.text()
    wait_until(lambda: not any(map(runs, workers(first))), 60, "its workers end")
    assert 0 < works.service.handled() < 600
    second = works.start(READS_WITH=client)
    works.wait()
    assert second.end() == 0


def test_workers_that_die_again_and_again_lose_nothing(works: Works) -> None:
    """Each of them dies in its fifth transaction."""
    for number in range(20):
        works.send(f"k{number}", 10)
    process = works.start(KILL_AT="before-commit", BATCH="5")
    works.wait()
    assert len(workers(process)) > 3
    process.end(signal.SIGKILL)
