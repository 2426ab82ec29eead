"""The source that reads Kafka, as the consumer's loop sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaConfigurationError, KafkaError, KafkaTimeoutError

from inbox.errors import SourceUnavailable
from inbox.kafka.client import ANSWER_MS, DEFAULTS, FIXED, connect
from inbox.kafka.gaps import MissedRecords
from inbox.kafka.membership import Membership
from inbox.kafka.offsets import StartOffsets
from inbox.kafka.reader import Reader
from inbox.kafka.topics import Topics
from inbox.kafka.undecodable import Undecodable, Unreadable
from inbox.offsets import OffsetStore
from inbox.source import Offsets
from outbox_core.wire.consumed import Record

ASK_EVERY = 5.0  # seconds without a record after which Kafka is asked whether it is there
SLICE = 0.1  # seconds for which records are waited for before the group is looked at again
WITHOUT_GROUP: dict[str, Any] = {"group_id": None, "group_instance_id": None, "auto_offset_reset": "earliest"}


class KafkaSource:
    """Records of some topics, shared with the other members of a consumer group.

    Two clients: one is a member of the group, the other reads. The group may rebalance for as long as it
    likes; what is ours meanwhile is read. Heartbeats come from the member's own thread; it is polled besides
    by ``keep_alive``, because a member that does not poll is thrown out. After an error that a client does
    not get over both are replaced.
    """

    def __init__(
        self,
        consumer: str,
        *,
        bootstrap_servers: Sequence[str],
        topics: Sequence[str],
        group: str,
        options: Mapping[str, Any],
        offsets: OffsetStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = ",".join(bootstrap_servers)
        servers = {"bootstrap_servers": list(bootstrap_servers), "group_id": group}
        self._config = {**DEFAULTS, **options, **FIXED, **servers}
        self._clock = clock
        self._group: Membership | None = None
        self._reader = Reader(self._connect_without_group)
        self._unreadable = Unreadable(consumer, self._connect_without_group, clock)
        self._not_found: SourceUnavailable | None = None
        self._topics = Topics(consumer, topics, clock)
        self._missed = MissedRecords(consumer, offsets)
        latest = self._config["auto_offset_reset"] == "latest"
        self._starts = StartOffsets(
            consumer, self._topics.ids, self._missed, offsets, self._committed, latest=latest
        )
        self._heard_at = self._looked_at = clock()

    def poll(self, timeout: float) -> Sequence[Record]:
        until = self._clock() + timeout
        while not (records := self._look(min(SLICE, timeout))) and self._clock() < until:
            pass
        return records

    def commit(self, offsets: Offsets) -> None:
        if self._group is not None:
            ids = self._topics.ids
            signed = {TopicPartition(*p): ids.sign(p[0], offset) for p, offset in offsets.items()}
            with self._translated(), self._unless_a_topic_is_gone():
                self._group.commit(signed)

    def rewind(self, offsets: Offsets) -> None:
        for partition in self._owned():
            if (partition.topic, partition.partition) in offsets:
                self._reader.seek(partition, offsets[partition.topic, partition.partition])

    def reread(self) -> None:
        self._starts.arrive(self._owned())

    def keep_alive(self) -> bool:
        if self._group is None:
            return False
        try:
            with self._translated():
                self._group.poll(0)
        except SourceUnavailable:
            return self._group is not None
        return not self._group.revoked

    def partitions(self) -> Collection[tuple[str, int]]:
        return [(partition.topic, partition.partition) for partition in self._owned()]

    def waits_for(self) -> str:
        return "; ".join(filter(None, (str(self._topics.missing), self._unreadable.words(self._owned()))))

    def close(self) -> None:
        group, self._group = self._group, None
        self._reader.close()
        if group is not None:
            group.close()

    def _look(self, seconds: float) -> Sequence[Record]:
        with self._translated():
            try:
                batches = self._read(seconds)
            except Undecodable as undecodable:
                self._find_unreadable(undecodable.error)
                return ()
        if self._not_found is not None:
            raise self._not_found  # that nothing has come yet is no answer
        return [_record(record) for batch in batches.values() for record in batch]

    def _read(self, seconds: float) -> Mapping[TopicPartition, Sequence[Any]]:
        self._look_for_missing_topics()
        group = self._joined()
        group.poll(0 if self._readable(group) else seconds)
        if group.hangs(self._clock()):
            self.close()
            return {}
        group.revoked = False  # whatever was, was before the records that come now
        self._starts.check(group, self._reader)
        self._unreadable.look(group.owned, self._reader.positions)
        ours = self._readable(group)
        batches = self._reader.read(ours, seconds) if ours else {}
        if batches:
            self._missed.look(self._reader.beginnings, batches)
            self._heard_at = self._clock()
            self._not_found = None
        elif self._clock() >= self._heard_at + ASK_EVERY:
            self._hear(group)
            self.commit({})
            if group.joined:
                self._not_found = None
        return batches

    def _readable(self, group: Membership) -> frozenset[TopicPartition]:
        return group.owned - self._unreadable.among(group.owned) - self._starts.unchecked(group.owned)

    def _joined(self) -> Membership:
        if self._group is not None and self._topics.have_changed(self._group.client):
            self.close()  # and be replaced by one that reads those that are there
        if self._group is None:
            group = self._group = Membership(connect, self._config, self._welcome)
            try:
                self._topics.subscribe(group.client, group)
            except KafkaError:
                self.close()
                raise
            self._heard_at = self._clock()
        return self._group

    def _look_for_missing_topics(self) -> None:
        if self._group is None or not self._topics.missing or self._clock() < self._looked_at + ASK_EVERY:
            return
        self._looked_at = self._clock()
        self._hear(self._group)  # as the look knows no timeout
        if self._topics.look(self._group.client):
            self.close()  # and be replaced by one that reads all of them

    def _hear(self, group: Membership) -> None:
        if group.owned:
            with self._unless_a_topic_is_gone():
                self._reader.ends(group.owned)
        else:
            self._committed([TopicPartition(self._topics.first, 0)])
        self._heard_at = self._clock()

    @contextmanager
    def _unless_a_topic_is_gone(self) -> Iterator[None]:
        """What the client asks of a topic that was deleted, it asks until its time is over."""
        try:
            yield
        except KafkaTimeoutError:
            if self._group is None or not self._topics.have_changed(self._group.client):
                raise

    def _find_unreadable(self, error: Exception) -> None:
        try:
            positions = self._unread()
        finally:
            self._reader.close()  # it would hang in what it could not decode
        if self._unreadable.find(positions, error):
            return
        if not isinstance(error, KafkaError):
            raise error  # no batch, but a mistake
        self._not_found = SourceUnavailable(
            f"{self._servers} has sent a batch that the client cannot decode, and it is not found out of "
            f"which partition; correct the producer, or move past it with inbox_seek: {error}"
        )
        raise self._not_found from error

    def _unread(self) -> dict[TopicPartition, int]:
        others = sorted(frozenset() if self._group is None else self._readable(self._group))
        ends: Mapping[TopicPartition, int] = {}
        with suppress(KafkaTimeoutError):  # spares the trying of those where nothing is left
            ends = self._reader.ends(others)
        positions = {partition: self._reader.positions[partition] for partition in others}
        return {p: at for p, at in positions.items() if at < ends.get(p, at + 1)}

    def _welcome(self, assigned: Collection[TopicPartition]) -> None:
        self._heard_at = self._clock()
        self._starts.arrive(assigned)

    def _owned(self) -> frozenset[TopicPartition]:
        return frozenset() if self._group is None else self._group.owned

    def _committed(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, OffsetAndMetadata | None]:
        """Kafka's copy of how far the group is. Raises KafkaTimeoutError.

        Asked by a client of its own: a broker answers the requests of a connection in turn, and while the
        group rebalances it does not answer the member's.
        """
        with closing(connect({**self._config, "group_instance_id": None})) as client:
            wait = {"metadata": True, "timeout_ms": ANSWER_MS}
            return {partition: client.committed(partition, **wait) for partition in partitions}

    def _connect_without_group(self) -> Any:
        return connect({**self._config, **WITHOUT_GROUP})

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except KafkaConfigurationError as error:
            raise ImproperlyConfigured(f'KAFKA["OPTIONS"]: {error}') from error
        except KafkaTimeoutError as error:
            raise SourceUnavailable(f"{self._servers} does not answer") from error
        except KafkaError as error:
            self.close()
            raise SourceUnavailable(f"{self._servers}: {error}") from error


def _record(record: Any) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp=record.timestamp,
    )
