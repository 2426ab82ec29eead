"""Apache Kafka in containers."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from devstack import docker, ports
from devstack.deadline import reached
from devstack.errors import DevstackError
from devstack.kafka import metadata
from devstack.kafka.jars import VERSION
from devstack.kafka.properties import replication, small_and_quick
from devstack.kafka.server import Server

IMAGE = f"apache/kafka:{VERSION}"
START_TIMEOUT = 300.0


class Containers(Server):
    """Apache Kafka in containers, one for each broker, on a network of their own."""

    def __init__(self, *, brokers: int = 1) -> None:
        self._containers = [
            docker.container(IMAGE, hostname=f"broker-{node_id}") for node_id in range(1, brokers + 1)
        ]
        self._launched = ExitStack()
        self._network = docker.network()
        self._ports = [ports.reserve() for _ in range(brokers)]

    def __str__(self) -> str:
        return f"Apache Kafka in {len(self._containers)} container(s) of {IMAGE}"

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(f"{docker.host()}:{port.number}" for port in self._ports)

    def launch(self) -> None:
        self._launched.enter_context(self._network)
        for node_id, (container, port) in enumerate(zip(self._containers, self._ports, strict=True), start=1):
            self._configure(container, node_id, port.number)
            self._launched.callback(container.stop)
            container.start()

    def await_ready(self) -> None:
        everyone = len(self._containers)
        if not reached(lambda: metadata.brokers(self.bootstrap_servers) == everyone, seconds=START_TIMEOUT):
            output, _ = self._containers[0].get_logs()
            raise DevstackError(
                f"{self} does not answer after {START_TIMEOUT:.0f} s:\n{output.decode()[-2000:]}"
            )

    def close(self) -> None:
        with ExitStack() as everything:
            for port in self._ports:
                everything.callback(port.release)
            everything.callback(self._launched.close)

    def _configure(self, container: Any, node_id: int, port: int) -> None:
        """The image takes each setting of server.properties as KAFKA_<NAME>."""
        everyone = len(self._containers)
        settings = {
            **replication(everyone),
            **small_and_quick(),
            "process.roles": "broker,controller",
            "node.id": str(node_id),
            "controller.quorum.voters": ",".join(f"{n}@broker-{n}:9093" for n in range(1, everyone + 1)),
            "listeners": f"PLAINTEXT://:9092,OUTSIDE://:{port},CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://broker-{node_id}:9092,OUTSIDE://{docker.host()}:{port}",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT",
        }
        for name, value in settings.items():
            container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
        docker.publish(container, port, port)
        container.with_env("KAFKA_HEAP_OPTS", "-Xmx384m")
        container.with_network(self._network).with_network_aliases(f"broker-{node_id}")
