"""run_consumer with WORKERS: handlers run in parallel, each key in order, whatever dies."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from inbox.workers.in_flight import InFlight, share
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from outbox_core.wire.consumed import ConsumerRecord
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.labour.handlers import GATE, TABLES
from tests.inbox.service import Process, Service, admin, server_url
from tests.inbox.test_run_consumer import service as service  # a fixture
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.scraping import Scrape
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance
LONG = 150.0
BUSY = "SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"


class Works:
    """Sends events to a consumer with workers, and compares their effects."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent: dict[str, int] = defaultdict(int)
        self.refused = 0
        self.execute(TABLES)

    def send(self, key: str, count: int = 1, *, seconds: float = 0.0, deed: str = "") -> None:
        for _ in range(count):
            data = {"n": self.sent[key], "seconds": seconds, "deed": deed}
            self.service.send("shop.orders", key, "test.labour", data)
            self.sent[key] += 1
        self.service._producer.flush()

    def start(self, workers: int = 3, *arguments: str, **environment: str) -> Process:
        settings = "tests.inbox.labour.settings"
        return self.service.start(settings, *arguments, WORKERS=str(workers), **environment)

    def execute(self, statement: str) -> None:
        with psycopg.connect(server_url(self.service.database), autocommit=True) as connection:
            connection.execute(statement)

    def effects(self, key: str) -> list[int]:
        """The numbers of a key, in the order in which they took effect."""
        return [n for (n,) in self.service.query(f"SELECT n FROM effect WHERE key = '{key}' ORDER BY id")]

    def worker_of(self, key: str) -> int:
        """The pid of the worker that has handled an event of this key last."""
        wait_until(lambda: self.effects(key), LONG, "the key has a worker")
        found = self.service.query(f"SELECT pid FROM effect WHERE key = '{key}' ORDER BY id DESC LIMIT 1")
        return int(found[0][0])

    def wait(self, *without: str) -> None:
        """Until everything took effect, once and in order, and all offsets are stored."""
        total = sum(count for key, count in self.sent.items() if key not in without)
        query = f"SELECT count(*) FROM effect WHERE key <> ALL ('{{{','.join(without)}}}')"
        wait_until(lambda: self.service.query(query)[0][0] >= total, LONG, f"{total} took effect")
        for key, count in self.sent.items():
            if key not in without:
                assert self.effects(key) == [*range(count)]
        everything = sum(self.sent.values())
        wait_until(lambda: self.stored() == everything, LONG, f"{everything} is the sum of the offsets")

    def stored(self) -> int:
        """The sum of the offsets of the consumer."""
        query = "SELECT coalesce(sum(\"offset\"), 0) FROM inbox_offset WHERE topic NOT LIKE 'workers%'"
        return int(self.service.query(query)[0][0])

    def beats(self) -> float:
        """When the consumer wrote its last heartbeat."""
        query = "SELECT extract(epoch FROM heartbeat_at) FROM inbox_consumer"
        return float(self.service.query(query)[0][0])

    def keys(self, have: Callable[[int], bool], workers: int = 3) -> Iterator[str]:
        """Names of keys whose worker, counted from 0, is one of those wanted. Which one a key has depends on
        the name of the topic, which is new for each test.
        """
        topic = f"{self.service.prefix}shop.orders"
        for number in itertools.count():
            record = ConsumerRecord(topic=topic, partition=0, offset=0, key=b"k%d" % number, value=None)
            shares = share([InFlight(record, 0)], workers)
            if have(next(worker for worker, records in enumerate(shares) if records)):
                yield f"k{number}"

    @contextmanager
    def gate_closed(self) -> Iterator[None]:
        """Events that wait do so until the end of this block."""
        with psycopg.connect(server_url(self.service.database)) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [GATE])
            yield

    def spread(self) -> float:
        """The seconds between the first effect and the last."""
        return float(self.service.query("SELECT extract(epoch FROM max(at) - min(at)) FROM effect")[0][0])


@pytest.fixture
def works(service: Service) -> Works:
    return Works(service)


def workers(process: Process) -> list[int]:
    """The pids of all workers that it has started."""
    return [int(pid) for pid in re.findall(r"Worker \d+ \(pid (\d+)\) started", process.text())]


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def served(works: Works) -> Iterator[Process]:
    """A consumer with three workers, all of which have begun."""
    process = works.start()
    for number in range(12):
        works.send(f"first-{number}")
    works.wait()
    yield process
    assert "Traceback" not in process.text()


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
    wait_until(
        lambda: works.service.query("SELECT in_hand, handled FROM inbox_consumer") == [(0, 300)], 20, "status"
    )
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
            works.send(f"{count}-{key}", 2, seconds=0.05)
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


def test_sigterm_finishes_what_is_in_hand(works: Works, served: Process) -> None:
    works.send("slow", 100, seconds=0.1)
    busy = (
        "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
    )
    wait_until(lambda: works.service.query(busy), LONG, "a handler runs")
    served.send(signal.SIGTERM)
    assert served.popen.wait(40) == 0, served.text()
    done = len(works.effects("slow"))
    assert 1 <= done < 100
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
