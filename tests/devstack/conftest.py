"""``python -m devstack`` as a process of its own, in an environment without the services of this run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
OURS = {"DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"}
PATIENCE = 180.0  # seconds; a machine may be busy
COMMAND = Path(__file__).with_name("command.py")


@dataclass(frozen=True, slots=True)
class Server:
    """The PostgreSQL that a devstack has brought up."""

    url: str
    data: Path
    """Where it is on this machine, or what a container calls the same."""
    is_here: bool

    @classmethod
    def at(cls, url: str) -> Server:
        with psycopg.connect(url) as connection:
            (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        return cls(url, Path(data), Path(data, "PG_VERSION").exists())

    def is_gone(self) -> bool:
        """Neither process nor data is left."""
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return not (self.is_here and self.data.parent.exists())
        return False


class Devstack:
    """One ``python -m devstack``, with what it has said in files."""

    def __init__(self, folder: Path, arguments: list[str], environ: dict[str, str]) -> None:
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "devstack", *arguments],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def await_command(self) -> Server:
        """Wait for tests/devstack/command.py to say that it runs; the server that it was given."""
        wait_until(self._has_spoken, PATIENCE, f"the command runs; devstack said: {self.err.read_text()}")
        return Server.at(self.out.read_text().split()[1])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(PATIENCE)

    def _has_spoken(self) -> bool:
        assert self.process.poll() is None, self.err.read_text()
        return self.out.read_text().endswith("\n")


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment of a user who has no services yet."""
    bare = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**bare, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def devstack(tmp_path: Path, environ: dict[str, str]) -> Iterator[Callable[..., Devstack]]:
    """Starts ``python -m devstack`` with the arguments given; what a test leaves running is ended."""
    started: list[Devstack] = []

    def start(*arguments: str, **variables: str) -> Devstack:
        folder = tmp_path / f"devstack-{len(started)}"
        folder.mkdir()
        started.append(Devstack(folder, list(arguments), {**environ, **variables}))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.signal(signal.SIGKILL)
            each.process.wait()
