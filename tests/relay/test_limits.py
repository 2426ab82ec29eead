"""What the operating system refuses a relay for a while is waited for, and named."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable

import pytest
from django.db import connection

from outbox_core.process.limits import remedied
from tests.relay.conftest import Writer
from tests.relay.processes import ROOT, START_SECONDS, RelayProcess, environment_of_tests
from tests.waiting import wait_until

NO_THREADS = """
import resource, sys, threading

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
threading.stack_size(2 << 30)
"""
QUESTION = """
from relay.errors import PublisherUnavailable
from relay.publishers.question import Question

question = Question(lambda: None)
assert question.is_answered(0)
try:
    question.answer()
except PublisherUnavailable as error:
    sys.exit(str(error))
"""
RUN_RELAY = """
from django.core.management import execute_from_command_line

execute_from_command_line(["manage.py", "run_relay"])
"""


def end_other_sessions() -> None:
    """Those of relays."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def first_unused(pid: int) -> int:
    """The lowest number of a file that the process has not opened."""
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return min(set(range(len(used) + 1)) - used)


def test_a_relay_that_can_open_no_more_files_waits(
    relay: Callable[..., RelayProcess],
    writer: Callable[[], Writer],
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    """It may open one file, in place of the connection that it loses, and needs two to connect."""
    name, w = topic(1), writer()
    short = relay()
    wait_until(lambda: short.owns, START_SECONDS, "it owns the shard")
    before = resource.prlimit(short.process.pid, resource.RLIMIT_NOFILE)
    limit = first_unused(short.process.pid), before[1]
    resource.prlimit(short.process.pid, resource.RLIMIT_NOFILE, limit)
    w.close()
    end_other_sessions()
    wait_until(lambda: "another one: PostgreSQL" in short.text(), START_SECONDS, "it says why")
    resource.prlimit(short.process.pid, resource.RLIMIT_NOFILE, before)
    w = writer()
    w.insert("a", topic=name)
    w.commit()
    wait_until(lambda: published(name) == ["a:1"], START_SECONDS, "the event is in Kafka")
    assert short.end() == 0
    assert "Traceback" not in short.text()


def test_too_many_open_files_have_a_remedy() -> None:
    assert "ulimit -n" in remedied("[Errno 24] Too many open files")


@pytest.mark.parametrize("script", [QUESTION, RUN_RELAY], ids=["question", "command"])
def test_a_thread_that_cannot_be_started_is_said_in_one_line(transactional_db: None, script: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", NO_THREADS + script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment_of_tests()},
    )
    assert run.returncode == 1
    assert "ulimit -u" in run.stderr
    assert "Traceback" not in run.stderr
