"""What systemd hears of a relay or a consumer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from outbox_core.process import notify
from outbox_core.process.notify import Notifier

Manager = socket.socket


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A service manager that listens, with NOTIFY_SOCKET set as it sets it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening, pytest.MonkeyPatch.context() as patch:
        address = str(tmp_path / "notify") if request.param == "path" else f"@outbox-test-{os.getpid()}"
        listening.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        listening.setblocking(False)
        patch.setenv("NOTIFY_SOCKET", address)
        yield listening


def heard(manager: Manager) -> list[str]:
    said = []
    while True:
        try:
            said.append(manager.recv(4096).decode())
        except BlockingIOError:
            return said


def test_a_unit_is_ready_with_its_first_progress_then_alive_then_stopping(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "EVERY_SECONDS", 0.0)
    with Notifier.of_unit() as notifier:
        assert heard(manager) == []
        notifier.progress()
        notifier.progress()
        notifier.stopping()
    assert heard(manager) == ["READY=1\nWATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_busy_loop_reports_once_a_second_at_most(manager: Manager) -> None:
    with Notifier.of_unit() as notifier:
        for _ in range(1000):
            notifier.progress()
    assert len(heard(manager)) == 1


def test_programs_that_the_process_starts_cannot_speak_for_it(manager: Manager) -> None:
    with Notifier.of_unit():
        assert "NOTIFY_SOCKET" not in os.environ


def test_a_manager_that_does_not_listen_is_no_error() -> None:
    for address in ("", "/nowhere/notify", "@nobody"):
        with Notifier(address) as notifier:
            notifier.progress()
            notifier.stopping()
