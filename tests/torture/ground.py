"""What a run stands on: PostgreSQL and Kafka of its own, and a proxy in front of every port of them."""

from __future__ import annotations

from collections.abc import Callable

import devstack.kafka
from devstack.kafka import Cluster as Kafka
from devstack.kafka.properties import Node
from tests.torture.machine import Machine
from tests.torture.pooler import Pooler
from tests.torture.proxy import Proxy

CONFIG = {
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "128MB",
    "wal_keep_size": "128MB",
}

ACLS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


class Ground:
    """Relays reach PostgreSQL by ``relay_gate`` and each broker by its own of ``broker_gates``; writers reach
    PostgreSQL by ``writer_gate``, which only a failover touches. The checker uses no gate. ``pooled`` puts
    PgBouncer in transaction mode before the gates.
    """

    def __init__(self, *, brokers: int = 1, pooled: bool = False) -> None:
        self._close: list[Callable[[], object]] = []
        try:
            self.kafka = Kafka(brokers=brokers)
            self._close.append(self.kafka.close)
            self.broker_gates = [self._gate(broker.node.port) for broker in self.kafka.brokers]
            self._advertise_gates()
            self.kafka.launch()
            self.postgres = Machine(config=CONFIG)
            self._close.append(lambda: self.postgres.close())
            self.postgres.start()
            self.relay_gate = self._gate(self.postgres.port)
            self.writer_gate = self._gate(self.postgres.port)
            self.relay_entrance, self.writer_entrance = self.relay_gate.port, self.writer_gate.port
            if pooled:
                self.relay_entrance = self._pooler(self.relay_gate.port)
                self.writer_entrance = self._pooler(self.writer_gate.port)
            self.kafka.await_ready()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        while self._close:
            self._close.pop()()

    def _gate(self, upstream: int) -> Proxy:
        gate = Proxy(upstream)
        self._close.append(gate.close)
        return gate

    def _pooler(self, upstream: int) -> int:
        pooler = Pooler(upstream)
        self._close.append(pooler.close)
        return pooler.port

    def _advertise_gates(self) -> None:
        """Each broker listens twice: for the relays under the address of its gate, and for the checker."""
        inner = [devstack.ports.reserve() for _ in self.kafka.brokers]
        self._close += [port.release for port in inner]
        nodes = [broker.node for broker in self.kafka.brokers]
        for broker, gate, port in zip(self.kafka.brokers, self.broker_gates, inner, strict=True):
            gate.upstream = port.number
            acls = ACLS if len(nodes) == 1 else {}
            broker.configure(nodes, {**_listeners(broker.node, port.number, gate.address), **acls})

    @property
    def bootstrap_servers(self) -> str:
        """Past the gates."""
        return self.kafka.bootstrap_servers

    @property
    def gated_bootstrap_servers(self) -> str:
        return ",".join(gate.address for gate in self.broker_gates)

    def url(self, database: str, port: int | None = None) -> str:
        """Of a database; without ``port`` past the gates."""
        return f"postgresql://postgres@127.0.0.1:{port or self.postgres.port}/{database}"

    @property
    def missing(self) -> dict[str, str]:
        """What a fault may need and cannot have here, and why."""
        several = {"acls": "controllers that vote would have to be super users, as everybody is here"}
        return self.postgres.missing | (several if len(self.kafka.brokers) > 1 else {})

    def gates(self) -> list[Proxy]:
        return [self.relay_gate, self.writer_gate, *self.broker_gates]

    def heal(self) -> None:
        """Everything runs, and every gate is open."""
        for gate in self.gates():
            gate.heal()
        for broker in self.kafka.brokers:
            broker.launch()
        if not self.postgres.is_running:
            self.postgres.start()
        for broker in self.kafka.brokers:
            broker.await_ready()

    def move_to(self, postgres: Machine) -> None:
        """Another server takes over: every gate leads there from now on."""
        self.postgres = postgres
        for gate in (self.relay_gate, self.writer_gate):
            gate.upstream = postgres.port
            gate.cut()


def _listeners(node: Node, port: int, advertised: str) -> dict[str, str]:
    controller = f"CONTROLLER://127.0.0.1:{node.controller_port}"
    return {
        "listeners": f"PLAINTEXT://{node.address},GATED://127.0.0.1:{port},{controller}",
        "advertised.listeners": f"PLAINTEXT://{node.address},GATED://{advertised}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GATED:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }
