"""A publisher leaves nothing behind: no thread, no file descriptor, no word on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.errors import PublisherUnavailable
from relay.publishers.base import Publisher, Trouble
from tests.publishers.broker import PASSWORD, Broker
from tests.publishers.clients import Client, deliver, records
from tests.publishers.conftest import Patience
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.real_kafka,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts file descriptors in /proc"),
]
Connect = Callable[..., Publisher]
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def nothing_left() -> Iterator[None]:
    """What was open before is open after, and no more."""

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    threads, files = set(threading.enumerate()), descriptors()
    yield
    wait_until(lambda: descriptors() <= files, 60, "the file descriptors are closed")
    wait_until(lambda: set(threading.enumerate()) <= threads, 60, "the threads have ended")


def test_closing_leaves_nothing(broker: Broker, client: Client) -> None:
    topic = broker.topic(6)
    with nothing_left():
        publisher = client(broker.address)
        assert deliver(publisher, records(topic, ["a", "b"], 100)) == []
        publisher.close(5)


def test_attempts_to_connect_leave_nothing(broker: Broker, client: Client, patience: Patience) -> None:
    """To a broker that is down, and to one that does not know the password; then to one that hangs."""

    patience(0.5)

    def attempt(address: str) -> None:
        publisher = client(address, password="wrong")
        with pytest.raises(PublisherUnavailable):
            publisher.prepare(["any"])
        publisher.close(5)

    with nothing_left():
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(attempt, ("127.0.0.1:1", broker.secured)))
        with broker.frozen():
            attempt(broker.secured)


def test_waves_that_fail_leave_nothing(broker: Broker, client: Client) -> None:
    topic = broker.topic(1, **{"max.message.bytes": "10000"})
    broker.allow(topic, "WRITE", "DESCRIBE")
    with nothing_left():
        publisher = client(broker.secured, password=PASSWORD, delivery_seconds=1.0)
        wait_until(lambda: not deliver(publisher, records(topic, ["key"], 1)), 60, "the ACLs are in force")
        for _ in range(3):
            publisher.prepare([topic])
            [failure] = publisher.publish(records(topic, ["key"], 1, padding=20_000))
            assert failure is not None
            assert failure.trouble is Trouble.RECORD
        publisher.prepare([topic])
        with broker.frozen():
            publisher.publish(records(topic, ["key"], 1))
            publisher.close(5)


@pytest.mark.parametrize("frozen", [False, True], ids=["idle", "in mid-wave"])
@pytest.mark.parametrize("name", ["kafka_python", "confluent"])
def test_a_process_that_ends_without_closing_says_nothing(broker: Broker, name: str, frozen: bool) -> None:
    program = PROGRAM.format(name=name, address=broker.address, topic=broker.topic())
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "published\n"
    if frozen:
        with broker.frozen():
            output, _ = process.communicate("again\n", timeout=60)
    else:
        output, _ = process.communicate("\n", timeout=60)
    assert (process.returncode, output) == (0, "")


PROGRAM = """
import logging, sys, threading, traceback
from tests.publishers.clients import {name}, deliver, records
from tests.waiting import wait_until
logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
publisher = {name}("{address}")
assert deliver(publisher, records("{topic}", ["key"], 1)) == []
print("published", flush=True)
if sys.stdin.readline().strip():
    again = records("{topic}", ["key"], 1, first=1)
    thread = threading.Thread(target=publisher.publish, args=[again], daemon=True)
    thread.start()

    def under_way():
        stack = traceback.extract_stack(sys._current_frames()[thread.ident])
        return any(call.filename.endswith("delivery.py") and call.name == "wait" for call in stack)

    wait_until(under_way, 20, "the wave is under way")
"""
