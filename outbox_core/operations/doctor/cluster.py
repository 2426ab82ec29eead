"""What is asked about a Kafka cluster, whichever client asks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from outbox_core.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster and its brokers, at the addresses that it gives to clients (advertised.listeners)."""

    id: str
    brokers: tuple[Address, ...]


class Trouble(StrEnum):
    """Why a topic cannot be described."""

    MISSING = "missing"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A partition: how many replicas it has, how many are in sync, and whether it has a leader."""

    number: int
    replicas: int
    in_sync: int
    has_leader: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic. ``id`` changes when it is deleted and created again (KIP-516). ``operations`` are what this
    client may do with it, None if the broker does not say.

    ``configs`` are empty if this client may not read them.
    """

    name: str
    id: str = ""
    trouble: Trouble | None = None
    partitions: tuple[Partition, ...] = ()
    operations: frozenset[str] | None = None
    configs: Mapping[str, str] = field(default_factory=dict)

    def may(self, operation: str) -> bool:
        """Whether the client may do that, as far as it is known."""
        return self.operations is None or not self.operations or operation in self.operations

    def number(self, config: str) -> int | None:
        """A setting of the topic; None if it is not known."""
        text = self.configs.get(config)
        return int(text) if text is not None else None


class Inspector(Protocol):
    """Asks a cluster with the options of one client. Each method may raise KafkaUnreachable."""

    def cluster(self) -> Cluster:
        """Connect and log in."""

    def topics(self, names: Collection[str]) -> Sequence[Topic]:
        """These topics, in this order, with their settings."""

    def ends(self, topic: str) -> Mapping[int, int]:
        """The end offset of each partition."""

    def read(self, topic: str, starts: Mapping[int, int], key: bytes, seconds: float) -> float | None:
        """Read from these offsets until a record has this key. Its timestamp in seconds, None if it does not
        come in time.
        """

    def close(self) -> None:
        """Give up the connections."""
