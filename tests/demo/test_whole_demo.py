"""The demo in small, by real processes on the services of this run."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient

import devstack
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240


class Demo:
    """A demo run by a user, whose output goes to a file."""

    def __init__(self, output: Path, *arguments: str) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo", *arguments], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def await_text(self, text: str, timeout: float) -> None:
        wait_until(lambda: text in self.text or self.process.poll() is not None, timeout, text)
        assert text in self.text, self.text

    @property
    def token(self) -> str:
        """What is in all names of this demo."""
        return str(re.findall(r"shop_demo_(\w+)", self.text)[0])

    @property
    def folder(self) -> Path:
        return Path(re.findall(r"Logs and mails: (\S+)", self.text)[0])


@contextmanager
def running(output: Path, *arguments: str) -> Iterator[Demo]:
    demo = Demo(output, *arguments)
    try:
        yield demo
    finally:
        demo.process.terminate()
        demo.process.wait(60)


def processes(token: str) -> list[str]:
    """The processes that were started with the names of a demo."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if token.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
    return found


def left_behind(services: devstack.Stack, demo: Demo) -> list[object]:
    """Processes, databases, topics and folders of a demo that are still there."""
    with psycopg.connect(services.database_url) as server:
        names = server.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"%{demo.token}"])
        databases = names.fetchall()
    admin = KafkaAdminClient(bootstrap_servers=services.kafka_bootstrap)
    topics = [topic for topic in admin.list_topics() if demo.token in str(topic)]
    admin.close()
    return [*processes(demo.token), *databases, *topics, *([demo.folder] if demo.folder.exists() else [])]


def test_everything_agrees_after_a_relay_was_killed(services: devstack.Stack, tmp_path: Path) -> None:
    with running(tmp_path / "output", "--limit", "120") as demo:
        assert demo.process.wait(PATIENCE) == 0, demo.text
    assert re.search(r"(relay-\d) \(pid \d+\) owns the shard: killed with SIGKILL", demo.text)
    assert re.search(r"owns it now and publishes, \d+\.\d s later", demo.text)
    assert re.search(r"dollars( +4,066\.10){4} ", demo.text), demo.text
    assert re.search(r"✓ lost: +0 ", demo.text)
    assert "Everything agrees." in demo.text
    assert not left_behind(services, demo)


def test_a_demo_interrupted_while_it_replays_leaves_nothing_behind(
    services: devstack.Stack, tmp_path: Path
) -> None:
    with running(tmp_path / "output", "--limit", "5000") as demo:
        demo.await_text("Replay", PATIENCE)
        assert len(processes(demo.token)) >= len(("two relays", "three consumers"))
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(PATIENCE) == 130, demo.text
    assert "Interrupted" in demo.text
    assert not left_behind(services, demo)


def test_a_demo_terminated_while_it_migrates_leaves_nothing_behind(
    services: devstack.Stack, tmp_path: Path
) -> None:
    with running(tmp_path / "output") as demo:
        demo.await_text("shop.deployments", PATIENCE)
        demo.process.terminate()
        assert demo.process.wait(PATIENCE) == 130, demo.text
    assert not left_behind(services, demo)


def test_a_port_that_is_taken_is_named_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with running(tmp_path / "output", "serve", "--port", str(port)) as demo:
            assert demo.process.wait(PATIENCE) == 1
    assert f"Port {port} of 127.0.0.1 is taken" in demo.text
    assert f"--port {port + 1}" in demo.text


def test_a_database_server_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/postgres")
    with running(tmp_path / "output") as demo:
        assert demo.process.wait(PATIENCE) == 1
    assert "DATABASE_URL is set, but no PostgreSQL answers there" in demo.text
    assert "Traceback" not in demo.text
