"""A service is moved while its processes run, and while they are killed: every effect stays as it should."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.service import Service
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.waiting import wait_until

KILLED = "tests.inbox.killed"
PARTITIONS = 3


@pytest.fixture
def service(template: str, kafka_bootstrap: str, tmp_path: Path) -> Iterator[Service]:
    with closing(Service(template, kafka_bootstrap, tmp_path, partitions=PARTITIONS)) as service:
        service.create_database()
        yield service


def seek(service: Service, *arguments: str) -> CompletedProcess[str]:
    topic = f"{service.prefix}shop.orders"
    return service.manage("inbox_seek", "crm", "--topic", topic, *arguments, "--yes", "--reason", "INC-7")


@contextmanager
def seeking(service: Service, *arguments: str) -> Iterator[Callable[[], CompletedProcess[str]]]:
    """The command runs meanwhile. The call waits for its end."""
    ended: list[CompletedProcess[str]] = []
    thread = threading.Thread(target=lambda: ended.append(seek(service, *arguments)))
    thread.start()

    def wait() -> CompletedProcess[str]:
        thread.join(60)
        return ended[0]

    try:
        yield wait
    finally:
        thread.join(60)


def moved(service: Service) -> list[tuple[int, str, str]]:
    """The counts, the outcome and the person's reason of what people moved."""
    return service.query(
        "SELECT count, outcome, reason FROM inbox_ledger WHERE verb = 'seek' AND NOT automatic"
    )


@BOTH_CLIENTS
def test_two_processes_are_moved_back_while_events_come_in(service: Service, client: str) -> None:
    service.buy(60)
    processes = [service.start(KILLED, READS_WITH=client) for _ in range(2)]
    both = "SELECT count(*) FROM inbox_consumer WHERE partitions > 0"
    wait_until(lambda: service.query(both) == [(2,)], 40, "both have partitions")
    with seeking(service, "--to-beginning") as wait:
        service.buy(60)
        ended = wait()
    assert ended.returncode == 0, ended.stderr
    assert moved(service) == [(PARTITIONS, "done", "INC-7")]
    by = {by for (by,) in service.query("SELECT carried_by FROM inbox_operation")}
    assert all(each.startswith("consumer crm ") for each in by), "not by the command"
    service.buy(30)
    service.wait_until_booked()
    assert [process.end() for process in processes] == [0, 0]
    assert sum(process.text().count("Traceback") for process in processes) == 0


@pytest.mark.parametrize(
    ("point", "client"),
    [("before-move", KAFKA_PYTHON), ("after-move", KAFKA_PYTHON), ("after-move", CONFLUENT)],
)
def test_a_process_killed_while_it_skips_leaves_it_to_the_next_one(
    service: Service, point: str, client: str
) -> None:
    """What was to be skipped is skipped, what comes later is handled, and all that once."""
    service.buy(20)
    first = service.start(KILLED, KILL_AT=point, READS_WITH=client)
    service.wait_until_booked()
    handled = service.handled()
    assert service.manage("inbox_pause", "crm").returncode == 0
    wait_until(lambda: first.text().count("inbox.paused") or "paused" in first.text(), 20, "it is paused")
    service.buy(30)
    with seeking(service, "--to-end") as wait:
        assert first.popen.wait(40) == -signal.SIGKILL, first.text()
        assert moved(service) == []
        second = service.start(KILLED, READS_WITH=client)
        ended = wait()
    assert ended.returncode == 0, ended.stderr
    assert moved(service) == [(PARTITIONS, "done", "INC-7")]
    service.orders = service.orders[:20]
    assert service.manage("inbox_resume", "crm").returncode == 0
    service.buy(20)
    service.wait_until_booked()
    assert second.end() == 0
    assert second.text().count("Traceback") == 0
    assert service.handled() > handled
