"""The liveness file of a run_relay: who looks at it knows whether its loop makes progress."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from outbox_core.probe import main as probe
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until

FROZEN = 3.0
"""Seconds: a relay in order touches its file every second."""
IN_TIME = 6.0
Writers = Callable[[], Writer]


def alive(path: Path, max_age: float = START_SECONDS) -> bool:
    return probe([str(path), "--max-age", str(max_age)]) == 0


def test_a_frozen_relay_beside_a_live_one_is_seen_by_its_own_probe_alone(
    relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    paths = [tmp_path / "first", tmp_path / "second"]
    first, second = (relay("--liveness-file", str(path)) for path in paths)
    wait_until(lambda: all(map(alive, paths)), START_SECONDS, "both are alive")
    first.send(signal.SIGSTOP)
    wait_until(lambda: not alive(paths[0], FROZEN), START_SECONDS, "the frozen one is seen")
    wait_until(lambda: alive(paths[1], FROZEN), START_SECONDS, "the other one goes on")
    assert not alive(paths[0], FROZEN)
    first.send(signal.SIGCONT)
    wait_until(
        lambda: alive(paths[0], FROZEN) or first.process.poll() is not None,
        START_SECONDS,
        "it continues, or has ended",
    )
    assert second.end() == 0
    assert not paths[1].exists()


def test_a_relay_that_waits_in_an_outage_is_alive(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    tmp_path: Path,
    away: dict[str, str],
    manager: socket.socket,
) -> None:
    """So its probe says, and so systemd hears."""
    path, w = tmp_path / "alive", writer()
    w.insert("a", topic=topic(1))
    w.commit()
    manager.bind(str(tmp_path / "notify"))
    waiting = relay("--liveness-file", str(path), NOTIFY_SOCKET=str(tmp_path / "notify"), **away)
    wait_until(lambda: "Nothing is lost" in waiting.text(), START_SECONDS, "it waits")
    for _ in range(2):
        touched = path.stat().st_mtime_ns
        wait_until(lambda: path.stat().st_mtime_ns > touched, IN_TIME, "it makes progress")  # noqa: B023
    assert waiting.end() == 0
    first, *later = iter(partial(manager.recv, 4096), b"STOPPING=1")
    assert first == b"READY=1\nWATCHDOG=1"
    assert set(later) == {b"WATCHDOG=1"}


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """A service manager, not yet bound to the socket on which it listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(IN_TIME)
        yield listening


def test_a_relay_that_cannot_start_is_not_alive(relay: Callable[..., RelayProcess], tmp_path: Path) -> None:
    path = tmp_path / "alive"
    broken = relay("--liveness-file", str(path), DJANGO_SETTINGS_MODULE="no.such.settings")
    assert broken.code() == 1
    assert not alive(path)


def test_a_liveness_file_that_cannot_be_written_is_a_usage_error(relay: Callable[..., RelayProcess]) -> None:
    assert relay("--liveness-file", "/no/such/folder/alive").code() == 2
