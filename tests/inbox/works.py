"""Events for a consumer with workers, and their effects."""

from __future__ import annotations

import itertools
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from inbox.workers.in_flight import InFlight, share
from outbox_core.wire.consumed import ConsumerRecord
from tests.inbox.labour.handlers import GATE, TABLES
from tests.inbox.service import Process, Service, server_url
from tests.waiting import wait_until

LONG = 150.0
BUSY = """
    SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()
    AND clock_timestamp() - xact_start > interval '0.2 s'
"""
"""A handler takes its time. The consumer itself has transactions, too, but shorter ones."""


class Works:
    """Sends events to a consumer with workers, and compares their effects."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent: dict[str, int] = defaultdict(int)
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
