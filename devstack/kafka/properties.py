"""server.properties of a broker that is its cluster's controller too (KRaft, combined mode)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Node:
    """A broker's number and ports."""

    node_id: int
    port: int
    controller_port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def voter(self) -> str:
        return f"{self.node_id}@127.0.0.1:{self.controller_port}"


def render(node: Node, nodes: Sequence[Node], data: Path, config: Mapping[str, str]) -> str:
    """The text of server.properties; ``config`` overrides what is chosen here."""
    settings = {**_identity(node, nodes, data), **replication(len(nodes)), **small_and_quick(), **config}
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _identity(node: Node, nodes: Sequence[Node], data: Path) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": ",".join(other.voter for other in nodes),
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(data),
    }


def replication(brokers: int) -> dict[str, str]:
    """Three copies, of which two must have a record before it is acknowledged; or the only one."""
    copies, minimum = ("3", "2") if brokers >= 3 else ("1", "1")
    internal = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": minimum,
        **{f"{topic}.replication.factor": copies for topic in internal},
        "transaction.state.log.min.isr": minimum,
        "share.coordinator.state.topic.min.isr": minimum,
    }


def small_and_quick() -> dict[str, str]:
    """For a cluster of a day: few internal partitions, little memory, no waiting for a group's others.

    A broker that was killed comes back only when its session has ended: after 3 s, not 9.
    """
    return {
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "num.partitions": "3",
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "log.cleaner.dedupe.buffer.size": "8388608",
    }
