"""One Apache Kafka broker as a process."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.errors import DevstackError
from devstack.kafka import metadata
from devstack.kafka.launcher import Launcher
from devstack.kafka.properties import Node, render
from devstack.process import Process

START_TIMEOUT = 180.0


class Broker:
    """One Apache Kafka broker: it keeps its ports and data from start to start."""

    def __init__(self, node: Node, folder: Path, *, launcher: Launcher, cluster_id: str) -> None:
        self.node = node
        self.folder = folder
        self.log = folder / "broker.log"
        self._launcher = launcher
        self._cluster_id = cluster_id
        self._process: Process | None = None

    def __str__(self) -> str:
        return f"Kafka broker {self.node.node_id} on {self.address}"

    @property
    def address(self) -> str:
        return self.node.address

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def data(self) -> Path:
        """Where it keeps topics."""
        return self.folder / "data"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    def configure(self, nodes: Sequence[Node], config: Mapping[str, str]) -> None:
        """Write server.properties, for the next start."""
        self.folder.mkdir(exist_ok=True)
        self._properties.write_text(render(self.node, nodes, self.data, config))

    def launch(self) -> None:
        """Start it without waiting for it; the first time, the same process formats its storage before."""
        if self.is_running:
            return
        script = f"exec {shlex.join(self._launcher.command('kafka.Kafka', str(self._properties)))}"
        if not (self.data / "meta.properties").exists():
            script = f"{shlex.join(self._format())} && {script}"
        command = ["/bin/sh", "-c", script]
        self._process = Process(str(self), command, log=self.log, last_signal=signal.SIGKILL)

    def await_ready(self) -> None:
        self._started().await_answer(lambda: metadata.brokers(self.address) > 0, timeout=START_TIMEOUT)

    def start(self) -> None:
        self.launch()
        self.await_ready()

    def stop(self, *, timeout: float = 60) -> None:
        """Stop it in good order (SIGTERM), handing its partitions to the others first."""
        if self.is_running:
            self._started().stop(signal.SIGTERM, timeout=timeout)

    def kill(self) -> None:
        """SIGKILL."""
        if self.is_running:
            self._started().kill()

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _format(self) -> list[str]:
        # With "=": an id may begin with a hyphen.
        arguments = ("format", f"--cluster-id={self._cluster_id}", "--config", str(self._properties))
        return self._launcher.command("kafka.tools.StorageTool", *arguments)

    def _started(self) -> Process:
        if self._process is None:
            raise DevstackError(f"{self} has not been started: call start() first")
        return self._process
