"""Apache Kafka as processes in a temporary folder."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping

from devstack import ports
from devstack.deadline import reached
from devstack.errors import DevstackError
from devstack.kafka import classes, jars, metadata
from devstack.kafka.broker import Broker
from devstack.kafka.launcher import Launcher
from devstack.kafka.properties import Node
from devstack.kafka.server import Server
from devstack.process import remove_folder, temporary_folder

QUORUM_TIMEOUT = 60.0


class Cluster(Server):
    """Apache Kafka of our own: one broker, or three in one quorum, in a temporary folder.

    ``with Cluster(brokers=3) as cluster: ...`` starts it and, at the end, removes it. ``config`` adds to
    every broker's server.properties.
    """

    def __init__(
        self, *, brokers: int = 1, config: Mapping[str, str] | None = None, launcher: Launcher | None = None
    ) -> None:
        launcher = launcher or classes.launcher()
        self._ports = [ports.reserve() for _ in range(2 * brokers)]
        numbers = [port.number for port in self._ports]
        nodes = [Node(n, *numbers[2 * n - 2 : 2 * n]) for n in range(1, brokers + 1)]
        self.folder = temporary_folder("kafka")
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.brokers = [
            Broker(node, self.folder / f"broker-{node.node_id}", launcher=launcher, cluster_id=identity)
            for node in nodes
        ]
        for broker in self.brokers:
            broker.configure(nodes, config or {})

    def __str__(self) -> str:
        return f"Apache Kafka {jars.VERSION}, embedded, on {self.bootstrap_servers}"

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(broker.address for broker in self.brokers)

    def launch(self) -> None:
        for broker in self.brokers:
            broker.launch()

    def await_ready(self) -> None:
        for broker in self.brokers:
            broker.await_ready()
        everyone = len(self.brokers)
        if not reached(lambda: metadata.brokers(self.bootstrap_servers) == everyone, seconds=QUORUM_TIMEOUT):
            raise DevstackError(
                f"{self}: not all {everyone} brokers have joined after {QUORUM_TIMEOUT:.0f} s"
            )

    def stop(self) -> None:
        """Stop every broker in good order and keep their data."""
        for broker in self.brokers:
            broker.stop()

    def close(self) -> None:
        for broker in self.brokers:
            broker.kill()
        for port in self._ports:
            port.release()
        remove_folder(self.folder)
