"""run_consumer with WORKERS: handlers run in parallel, each key in order, whatever happens."""

from __future__ import annotations

import itertools
import os
import random
import signal

import pytest

from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.service import Process, admin
from tests.inbox.test_run_consumer import service as service  # a fixture
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.inbox.works import BUSY, LONG, Works, runs, workers
from tests.inbox.works import served as served  # a fixture
from tests.inbox.works import works as works  # a fixture
from tests.scraping import Scrape
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance


@BOTH_CLIENTS
def test_keys_keep_their_order_and_all_workers_have_some(works: Works, client: str) -> None:
    chance = random.Random(7)
    for _ in range(15):
        for key in range(20):
            works.send(f"k{key}", seconds=chance.choice([0.0, 0.0, 0.01, 0.03]))
    process = works.start(3, "--http", "0", READS_WITH=client)
    scrape = Scrape(process.text, LONG)
    works.wait()
    assert len(works.service.query("SELECT DISTINCT pid FROM effect")) == 3
    assert (
        works.service.query(
            "SELECT count(DISTINCT pid) FROM effect GROUP BY key HAVING count(DISTINCT pid) > 1"
        )
        == []
    )
    label = '{consumer="crm",type="test.labour"}'
    wait_until(
        lambda: scrape[f"inbox_consumer_handler_seconds_count{label}"] == 300, 20, "all of them are counted"
    )
    assert scrape['inbox_consumer_handled_events_total{consumer="crm"}'] == 300
    assert (scrape.status("/live"), scrape.status("/ready")) == (200, 200)
    row = "SELECT in_hand, handled, workers FROM inbox_consumer"
    wait_until(lambda: works.service.query(row) == [(0, 300, 3)], 20, "status")
    assert process.alive
    assert process.end() == 0
    assert process.handled() == 300
    assert works.service.query("SELECT count(*) FROM inbox_offset WHERE topic LIKE 'workers%'") == [(0,)]
    assert works.service.query("SELECT count(*) FROM inbox_in_hand") == [(0,)]
    assert not any(map(runs, workers(process)))
    assert "Traceback" not in process.text()


def test_handlers_that_wait_do_so_at_the_same_time(works: Works) -> None:
    seconds = {}
    for count in (1, 4):
        works.execute("TRUNCATE effect")
        for key in range(40):
            works.send(f"{count}-{key}", 2, seconds=0.12)
        process = works.start(count)
        total = 80
        wait_until(
            lambda total=total: works.service.query("SELECT count(*) FROM effect") == [(total,)],  # type: ignore[misc]
            LONG,
            "all are handled",
        )
        seconds[count] = works.spread()
        assert process.end() == 0
    assert seconds[1] / seconds[4] > 1.7, seconds


def test_an_event_that_fails_is_held_with_its_key_only(works: Works) -> None:
    works.send("bad")
    works.send("bad", deed="broken")
    works.send("bad", 2)
    for number in range(20):
        works.send(f"k{number}", 3, seconds=0.01)
    process = works.start()
    works.wait("bad")
    undecided = "SELECT attempts, error FROM inbox_held WHERE error <> '' AND retry_at IS NULL"
    wait_until(lambda: works.service.query(undecided), LONG, "it is held until a person decides")
    assert works.service.query(undecided) == [(3, "ValueError: broken")]
    assert process.end() == 0


def test_sigterm_finishes_what_is_in_hand(works: Works, served: Process) -> None:
    works.send("slow", 40, seconds=0.3)
    wait_until(lambda: works.service.query(BUSY), LONG, "a handler runs")
    served.send(signal.SIGTERM)
    assert served.popen.wait(40) == 0, served.text()
    done = len(works.effects("slow"))
    assert 1 <= done < 40
    assert works.stored() == 12 + done, "what was finished is stored, and nothing else"
    second = works.start()
    works.wait()
    assert second.end() == 0


def test_no_offset_passes_an_event_that_is_not_finished(works: Works, served: Process) -> None:
    """Others are finished behind it, and its worker dies with it."""
    slow, others = next(works.keys(lambda worker: worker == 0)), works.keys(lambda worker: worker > 0)
    with works.gate_closed():
        works.send(slow, deed="waits")
        before = works.stored()
        for key in itertools.islice(others, 20):
            works.send(key, 3)
        effects = "SELECT count(*) FROM effect"
        wait_until(lambda: works.service.query(effects)[0][0] == 12 + 60, LONG, "others do not wait for it")
        wait_until(lambda: works.stored() > before, LONG, "offsets of other partitions are stored")
        beats = works.beats()
        wait_until(lambda: works.beats() > beats + 3, LONG, "it has had time to store more")
        assert not works.effects(slow)
        assert works.stored() < 12 + 61, "that of its partition is not"
        served.end(signal.SIGKILL)
    wait_until(lambda: not any(map(runs, workers(served))), 60, "its workers end")
    second = works.start()
    works.wait()
    assert second.end() == 0


def test_a_key_with_very_many_events_holds_no_other_up(works: Works) -> None:
    """They come first, and are many more than what all workers handle next. Their worker dies with them."""
    hot, others = next(works.keys(lambda worker: worker == 0)), works.keys(lambda worker: worker > 0)
    with works.gate_closed():
        works.send(hot, 5_000, deed="waits")
        for key in itertools.islice(others, 20):
            works.send(key, 3)
        process = works.start(BATCH="500")
        effects = "SELECT count(*) FROM effect"
        wait_until(lambda: works.service.query(effects)[0][0] == 60, LONG, "others do not wait for it")
        assert not works.effects(hot)
        os.kill(workers(process)[0], signal.SIGKILL)
        wait_until(lambda: len(workers(process)) == 4, LONG, "it is started again")
    works.wait()
    assert process.end() == 0


def test_an_outage_of_what_all_handlers_need_holds_nothing(works: Works, served: Process) -> None:
    """Each of three workers has keys that fail. None of these may use up its attempts."""
    works.execute("INSERT INTO outage DEFAULT VALUES")
    for number in range(12):
        works.send(f"first-{number}", 2)
    wait_until(lambda: "is not available; retrying" in served.text(), LONG, "it is an outage")
    attempts = "SELECT coalesce(max(attempts), 0) FROM inbox_held"
    began = served.liveness_file.stat().st_mtime
    wait_until(lambda: served.liveness_file.stat().st_mtime > began + 12, LONG, "time has passed")
    assert works.service.query(attempts)[0][0] < 3
    works.execute("DELETE FROM outage")
    works.wait()
    assert works.service.query("SELECT count(*) FROM inbox_held") == [(0,)]
    assert served.end() == 0


def test_a_database_that_goes_away_holds_nothing(works: Works, served: Process) -> None:
    database = works.service.database
    for number in range(12):
        works.send(f"first-{number}", 10, seconds=0.02)
    admin(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
    admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
    wait_until(lambda: "is not available" in served.text(), LONG, "it says that it waits")
    served.wait_for_progress()
    admin(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    works.wait()
    assert works.service.query("SELECT count(*) FROM inbox_held") == [(0,)]
    assert served.end() == 0


def test_a_database_that_goes_back_in_time_loses_nothing(works: Works, served: Process) -> None:
    works.execute(
        'BEGIN; TRUNCATE effect; DELETE FROM inbox_processed; UPDATE inbox_offset SET "offset" = 0; COMMIT'
    )
    works.wait()
    assert served.text().count("went back in time") >= 1, served.text()
    assert served.end() == 0


def test_a_pause_holds_what_is_in_hand(works: Works, served: Process) -> None:
    """Only the transactions that run are finished."""
    with works.gate_closed():
        for number in range(12):
            works.send(f"first-{number}", 30, deed="waits")
        assert works.service.manage("inbox_pause", "crm").returncode == 0
        beats = works.beats()
        wait_until(lambda: works.beats() > beats + 1, LONG, "it knows of the pause")
    wait_until(lambda: "paused by a person" in served.text(), LONG, "nothing is in hand any more")
    before, beats = works.service.handled(), works.beats()
    wait_until(lambda: works.beats() > beats + 3, LONG, "it has had time to handle more")
    assert works.service.handled() == before < 12 + 360
    assert works.service.manage("inbox_resume", "crm").returncode == 0
    works.wait()
    assert served.end() == 0


def test_each_of_several_processes_has_workers_of_its_own(works: Works) -> None:
    process = works.start(2, "--processes", "2")
    both = "SELECT pid FROM inbox_consumer WHERE partitions > 0"
    wait_until(lambda: len(works.service.query(both)) == 2, LONG, "both read")
    for number in range(60):
        works.send(f"k{number}", 3)
    works.wait()
    assert len(workers(process)) == 4
    assert len(works.service.query("SELECT DISTINCT pid FROM effect")) == 4
    assert all(
        f"inbox[{number}]: Worker {worker} " in process.text() for number in (1, 2) for worker in (1, 2)
    )
    assert process.end() == 0, process.text()
    assert not any(map(runs, workers(process)))
