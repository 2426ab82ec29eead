"""run_relay --processes: real processes under a supervisor, and real signals to both."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from functools import partial
from os import kill
from pathlib import Path

import pytest

from outbox.models import Relay, Shard
from outbox.operations.resharding import reshard
from outbox_core.probe import judge
from outbox_core.process.stopping import ONE_WISH_SECONDS
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.relay.test_run_relay_alive import manager as manager  # a fixture
from tests.relay.test_run_relay_misuse import exit_code
from tests.scraping import Scrape
from tests.waiting import wait_until

FROZEN = 4.0
"""Seconds: processes in order report once a second."""
SHORT_LEASE = json.dumps({"LEASE_SECONDS": 2})
TWO = ("--processes", "2")
Writers = Callable[[], Writer]


def owners() -> set[int]:
    """The pids of the relays that own a shard."""
    return set(Relay.objects.filter(id__in=Shard.objects.values("owner")).values_list("pid", flat=True))


def relays() -> set[int]:
    return set(Relay.objects.values_list("pid", flat=True))


def run(pids: set[int]) -> bool:
    """Whether one of them runs. What nobody has waited for does not."""
    for pid in pids:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if state.stdout.strip() and not state.stdout.startswith("Z"):
            return True
    return False


def in_order(sequence: list[str], keys: str, count: int) -> bool:
    """Whether it has the events of each key in order. Some may be repeated."""
    first_of_each = list(dict.fromkeys(sequence))
    return all(
        [each for each in first_of_each if each[0] == key] == [f"{key}:{n}" for n in range(1, count + 1)]
        for key in keys
    )


def test_what_dies_is_replaced_what_hangs_is_seen_and_sigterm_ends_all(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
    tmp_path: Path,
    manager: socket.socket,
) -> None:
    name, path, w = topic(1), tmp_path / "alive", writer()
    reshard("default", 2)
    manager.bind(str(tmp_path / "notify"))
    both = relay(
        *(*TWO, "--liveness-file", str(path), "--http", "0"),
        TESTS_RELAY=SHORT_LEASE, NOTIFY_SOCKET=str(tmp_path / "notify"),
    )  # fmt: skip
    wait_until(lambda: len(owners()) == 2, START_SECONDS, "each process owns a shard")
    scrape = Scrape(both.text, START_SECONDS)
    wait_until(lambda: scrape.status("/ready") == 200, START_SECONDS, "both are ready")
    assert (judge(path, FROZEN), scrape.status(f"/live?max-age={FROZEN}")) == ("", 200)
    assert both.process.pid not in owners()
    first, dead = sorted(owners())
    kill(dead, signal.SIGSTOP)
    wait_until(lambda: judge(path, FROZEN), START_SECONDS, "the probe sees the one that hangs")
    wait_until(lambda: scrape.status(f"/live?max-age={FROZEN}") == 503, START_SECONDS, "so does /live")
    for key in "abcdefgh":
        w.insert(key, 50, topic=name)
    w.commit()
    kill(dead, signal.SIGKILL)
    wait_until(lambda: len(owners() - {dead}) == 2, START_SECONDS, "another process takes its place")
    wait_until(lambda: len(set(published(name))) == 400, START_SECONDS, "everything is published")
    wait_until(lambda: not judge(path, FROZEN), START_SECONDS, "all make progress again")
    assert in_order(published(name), "abcdefgh", 50)
    assert first in owners()
    assert both.end() == 0, both.text()
    assert (relays() - {dead}, path.exists()) == (set(), False)
    assert f"(pid {dead}) was killed by SIGKILL" in both.text()
    assert "stand by" not in both.text()
    ready, *later = iter(partial(manager.recv, 4096), b"STOPPING=1")
    assert (ready, set(later)) == (b"READY=1\nWATCHDOG=1", {b"WATCHDOG=1"})


def test_processes_do_not_outlive_their_supervisor(relay: Callable[..., RelayProcess]) -> None:
    """They end as after SIGTERM, so they leave no lease behind."""
    both = relay(*TWO)
    wait_until(lambda: len(relays()) == 2 and owners(), START_SECONDS, "both run")
    children = relays()
    assert both.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not relays() and not run(children), START_SECONDS, "both have ended")
    assert both.text().count("State: stopping") == 2
    wait_until(lambda: "A shard has one owner" in both.text(), 0, "one of two stands by")


def test_a_second_signal_forces_the_end_of_all(relay: Callable[..., RelayProcess]) -> None:
    both = relay(*TWO)
    wait_until(lambda: len(relays()) == 2, START_SECONDS, "both run")
    children = relays()
    for pid in children:
        kill(pid, signal.SIGSTOP)  # so they cannot finish
    both.send(signal.SIGINT)
    both.send(signal.SIGTERM)
    wait_until(lambda: "Stopping" in both.text(), START_SECONDS, "it has been asked")
    time.sleep(1.2 * ONE_WISH_SECONDS)  # within a second it would be the same wish
    assert both.process.poll() is None
    assert both.end() == 3
    wait_until(lambda: not run(children), START_SECONDS, "nothing is left")


def test_a_drain_of_several_processes_ends_when_all_are_drained(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name, w = topic(1), writer()
    reshard("default", 2)
    w.insert("a", 100, topic=name)
    w.commit()
    drain = relay(*TWO, "--drain", TESTS_RELAY=SHORT_LEASE)
    assert drain.code() == 0, drain.text()
    assert published(name) == [f"a:{n}" for n in range(1, 101)]
    assert drain.text().count("ended with exit code 0") == 2


def test_what_a_process_cannot_run_with_ends_all_with_its_words(relay: Callable[..., RelayProcess]) -> None:
    """Here the port that the second process would have."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        both = relay(*TWO, "--http", str(port - 2))
        assert both.code() == 2, both.text()
    assert f"127.0.0.1:{port}: cannot listen there" in both.text()
    assert both.text().count("started.") == 2
    assert not relays()


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5"])
def test_a_number_of_processes_that_means_nothing_is_a_usage_error(number: str) -> None:
    assert exit_code("--processes", number) == 2


def test_processes_need_a_port_each() -> None:
    assert exit_code(*TWO, "--http", "65534") == 2
