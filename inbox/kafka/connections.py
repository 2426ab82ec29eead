"""What a source needs of a Kafka client: the interface that each client implements."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from kafka import OffsetAndMetadata, TopicPartition

from inbox.kafka.patience import Fetch
from outbox_core.wire.consumed import ConsumerRecord

Arrived = Callable[[Collection[TopicPartition]], None]
Batches = Mapping[TopicPartition, Sequence[ConsumerRecord]]
Bounds = Mapping[TopicPartition, int]
Committed = Mapping[TopicPartition, OffsetAndMetadata | None]
Errors = tuple[type[Exception], ...]
TopicIds = Mapping[str, UUID | None]

SET_HERE = "the inbox sets itself."
ANSWER_MS = 3_000  # after this time without an answer Kafka counts as unavailable


class Membership(Protocol):
    """A member of the group. It reads no records. While the group rebalances, it keeps its partitions, except
    those that are revoked.

    ``revoked`` is set when partitions are revoked, until it is cleared.
    """

    owned: frozenset[TopicPartition]
    revoked: bool

    def subscribe(self, topics: Collection[str]) -> None:
        """Join the group, with the next polls, for these topics."""

    def poll(self, seconds: float) -> None:
        """Take part in the group: join it, and get partitions."""

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Give Kafka a copy. While the group rebalances Kafka refuses it; the next commit includes it."""

    def commit_now(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> bool:
        """Whether Kafka took these from a member that the group still has, and that owns the partitions."""

    @property
    def joined(self) -> bool:
        """Whether the group has assigned its partitions."""

    @property
    def member(self) -> str:
        """Its id, which the group gives it."""

    def hangs(self, now: float) -> bool:
        """Whether it will never get its assignment, and must be replaced."""

    def ask_for_topics(self) -> Collection[str]:
        """The topics that it may read, and perhaps others."""

    def topic_ids(self) -> TopicIds:
        """The topics that it knows, by its last metadata, and their ids (KIP-516). Sends no request."""

    def cluster_id(self) -> str:
        """The id of its cluster, as its last metadata says."""

    def close(self) -> None:
        """Leave the group."""


class Reader(Protocol):
    """Reads records of given partitions from given offsets. ``positions`` are the next offsets; a new client
    continues there. ``fetch`` is how it reads, and ``seconds`` how long a client first waits for an answer.
    """

    positions: dict[TopicPartition, int]
    fetch: Fetch
    seconds: float

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read this partition from this offset on."""

    def read(self, partitions: Collection[TopicPartition], seconds: float) -> Batches:
        """The next records of these. Raises Undecodable."""

    def ends(self, partitions: Collection[TopicPartition]) -> Bounds:
        """The end offsets of these, without those whose topic was deleted meanwhile."""

    def beginnings(self, partitions: Collection[TopicPartition]) -> Bounds:
        """The first offsets of these, without those whose topic was deleted meanwhile."""

    def reached(self) -> Mapping[TopicPartition, int]:
        """The next offsets, also behind marks of transactions, which are no records. Sends no request."""

    def topic_ids(self) -> TopicIds:
        """The topics that it reads, by its last metadata, and their ids. Sends no request."""

    def close(self) -> None:
        """Close the client."""


class Connections(Protocol):
    """The clients of one source. All their methods raise ``no_answer`` when Kafka does not answer in time,
    and other ``errors``.
    """

    servers: str
    latest: bool
    """Whether a new consumer begins at the end."""
    errors: Errors
    no_answer: Errors

    def member(self, topics: Collection[str], arrived: Arrived) -> Membership:
        """A new member, which may ask for these topics. It calls ``arrived`` with new partitions before it
        owns them.
        """

    def reader(self) -> Reader:
        """A reader, without a client as yet."""

    def committed(self, partitions: Collection[TopicPartition]) -> Committed:
        """The offsets that the group has committed."""

    def readable(self, partition: TopicPartition, offset: int) -> bool | None:
        """Whether the record at ``offset`` can be decoded; None if there is none."""

    def reason(self, error: Exception) -> str:
        """Why Kafka is unavailable, in the client's words."""
