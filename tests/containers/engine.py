"""The Docker engine of ``make containers``: the one that answers, or one of our own meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack import cache
from tests.containers import host
from tests.containers.host import as_root
from tests.waiting import wait_until

START_SECONDS = 60.0


class NoEngine(Exception):
    """None answers, and none can be started; the text says why."""


class Engine(ABC):
    """``name`` says which it is."""

    name: str

    @abstractmethod
    def restart(self) -> None:
        """In good order."""

    @abstractmethod
    def crash(self, pids: Collection[int]) -> None:
        """SIGKILL it and the processes of its containers, and start it again: a reset of the machine."""


@contextmanager
def engine() -> Iterator[Engine]:
    """Raises NoEngine."""
    if _version():
        yield _Host()
        return
    for program in ("docker", "dockerd"):
        if shutil.which(program) is None:
            raise NoEngine(f"no Docker engine answers, and there is no {program} to start one")
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root can start one")
    own = _Own(Path(tempfile.mkdtemp(prefix="engine-")))
    own.start()
    try:
        yield own
    finally:
        own.stop()
    own.remove()  # it is kept where something failed: it has the log, and what containerd must know


class _Host(Engine):
    """The engine of this machine, run by systemd."""

    def __init__(self) -> None:
        self.name = f"Docker engine {_version()}"

    def restart(self) -> None:
        as_root("systemctl", "restart", "docker")

    def crash(self, pids: Collection[int]) -> None:
        as_root("systemctl", "kill", "--signal=SIGKILL", "docker")
        _kill(pids)
        wait_until(lambda: bool(_version()), START_SECONDS, "systemd has started the engine again")


class _Own(Engine):
    """An engine on a socket of its own. Its images stay in the cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = cache.folder() / "docker"
        data.mkdir(parents=True, exist_ok=True)
        os.environ["DOCKER_HOST"] = f"unix://{self.folder}/docker.sock"
        command = ["dockerd", "--host", os.environ["DOCKER_HOST"], "--data-root", str(data)]
        places = ["--exec-root", f"{self.folder}/exec", "--pidfile", f"{self.folder}/pid"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, *places], stdout=log, stderr=log)
        wait_until(lambda: bool(_version()), START_SECONDS, "the engine answers")
        self.name = f"Docker engine {_version()}, started for this"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(START_SECONDS)

    def remove(self) -> None:
        """An engine that was killed has left the network of its containers mounted."""
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
            place = line.split()[1]
            if Path(place).is_relative_to(self.folder):
                subprocess.run(["umount", place], check=True)
        shutil.rmtree(self.folder)

    def restart(self) -> None:
        self.stop()
        self.start()

    def crash(self, pids: Collection[int]) -> None:
        containerd = int((self.folder / "exec/containerd/containerd.pid").read_text())
        self.stop(signal.SIGKILL)
        _kill([containerd, *pids])
        self.folder.joinpath("pid").unlink(missing_ok=True)
        self.start()


def _kill(pids: Collection[int]) -> None:
    host.signal("KILL", pids)
    gone = [Path(f"/proc/{pid}") for pid in pids]
    wait_until(lambda: not any(each.exists() for each in gone), START_SECONDS, "what was killed is gone")


def _version() -> str:
    """Of the engine that answers; empty if none does."""
    ask = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        asked = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
