"""The source that reads Kafka, as the consumer's loop sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from kafka import TopicPartition

from inbox.errors import SourceUnavailable, Undecodable
from inbox.kafka.connections import Batches, Bounds, Connections, Membership
from inbox.kafka.gaps import OffsetGaps
from inbox.kafka.offsets import StartOffsets
from inbox.kafka.patience import Patience
from inbox.kafka.topics import Topics
from inbox.kafka.undecodable import UndecodablePartitions
from inbox.offsets import OffsetStore
from inbox.signals import nothing_comes
from inbox.source import Offsets
from outbox_core.wire.consumed import ConsumerRecord

ASK_EVERY = 5.0  # after so many seconds without a record, a request checks that Kafka answers
LOOK_EVERY = 15.0  # after so many seconds with records, a request tells whether all partitions have some
SLICE = 0.1  # the longest wait for records, in seconds, between two polls of the group


class KafkaSource:
    """Records of some topics, shared with the other members of a consumer group.

    It has two clients: one is a member of the group, the other reads. During a rebalance the partitions that
    stay here are still read. The member sends heartbeats from its own thread. ``keep_alive`` polls it,
    because the group removes a member that does not poll. After an error that ends a client, both are
    replaced.
    """

    def __init__(
        self,
        consumer: str,
        connections: Connections,
        *,
        topics: Sequence[str],
        offsets: OffsetStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._connections = connections
        self._clock = clock
        self._group: Membership | None = None
        self._reader = connections.reader()
        self._undecodable = UndecodablePartitions(consumer, connections.readable, clock)
        self._not_found: SourceUnavailable | None = None
        self._paused: frozenset[str] = frozenset()
        self._topics = Topics(consumer, topics, clock)
        self._gaps = OffsetGaps(consumer, offsets, connections.errors)
        self._starts = StartOffsets(
            consumer, self._topics.ids, self._gaps, offsets, connections.committed, latest=connections.latest
        )
        self._patience = Patience(self._reader.seconds, clock)
        self._heard_at = self._looked_at = self._refreshed_at = clock()

    def poll(self, timeout: float) -> Sequence[ConsumerRecord]:
        until = self._clock() + timeout
        while not (records := self._poll_once(min(SLICE, timeout))) and self._clock() < until:
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

    def pause(self, topics: Collection[str]) -> None:
        self._paused = frozenset(topics)

    def move(self, offsets: Offsets) -> bool:
        if self._group is None:
            return False
        ids = self._topics.ids
        signed = {TopicPartition(*p): ids.sign(p[0], offset) for p, offset in offsets.items()}
        with self._translated():
            return self._group.commit_now(signed)

    def reread(self, partitions: Collection[tuple[str, int]] | None = None) -> None:
        self._starts.arrive([each for each in self._owned() if partitions is None or each in partitions])

    def keep_alive(self) -> bool:
        if self._group is None:
            return False
        try:
            with self._translated():
                self._group.poll(0)
        except SourceUnavailable:
            return self._group is not None
        return not self._group.revoked

    @property
    def joined(self) -> bool:
        return self._group is not None and self._group.joined

    def partitions(self) -> Collection[tuple[str, int]]:
        return [(partition.topic, partition.partition) for partition in self._owned()]

    def waits_for(self) -> str:
        return "; ".join(filter(None, (str(self._topics.missing), self._undecodable.words(self._owned()))))

    def member(self) -> str:
        return "" if self._group is None else self._group.member

    def close(self) -> None:
        group, self._group = self._group, None
        self._reader.close()
        if group is not None:
            group.close()

    def _poll_once(self, seconds: float) -> Sequence[ConsumerRecord]:
        with self._translated():
            try:
                batches = self._read(seconds)
            except Undecodable as undecodable:
                self._find_undecodable(undecodable)
                return ()
        if self._not_found is not None:
            raise self._not_found  # an empty poll does not prove that the batch can be decoded now
        return [record for batch in batches.values() for record in batch]

    def _read(self, seconds: float) -> Batches:
        self._refresh_topics()
        group = self._joined()
        group.poll(0 if self._readable(group) else seconds)
        if group.hangs(self._clock()):
            self.close()
            return {}
        group.revoked = False  # earlier revocations do not concern the records that are read now
        self._starts.check(group, self._reader)
        self._undecodable.retry(group.owned, self._reader.positions)
        ours = self._readable(group)
        batches = self._reader.read(ours, seconds) if ours else {}
        if batches and self._topics.ids.recreated({each.topic for each in batches}, self._reader.topic_ids()):
            self.close()  # these records are behind the offset of the deleted topic
            return {}
        if batches:
            self._gaps.check(self._reader.beginnings, batches)
            self._heard_at = self._clock()
            self._not_found = None
        elif self._clock() >= min(self._heard_at + ASK_EVERY, self._looked_at + LOOK_EVERY):
            self._ask_kafka(group)
            self.commit({})
            if group.joined:
                self._not_found = None
        return batches

    def _readable(self, group: Membership) -> frozenset[TopicPartition]:
        ours = frozenset(each for each in group.owned if each.topic not in self._paused)
        return ours - self._undecodable.among(ours) - self._starts.unchecked(ours)

    def _joined(self) -> Membership:
        if self._group is not None and self._topics.have_changed(self._group):
            self.close()  # the next member subscribes to the topics that exist now
        if self._group is None:
            group = self._group = self._connections.member(self._topics.names, self._welcome)
            try:
                self._topics.subscribe(group)
            except self._connections.errors:
                self.close()
                raise
            self._heard_at = self._clock()
        return self._group

    def _refresh_topics(self) -> None:
        if self._group is None or not self._topics.missing or self._clock() < self._refreshed_at + ASK_EVERY:
            return
        self._refreshed_at = self._clock()
        self._ask_kafka(self._group)  # first, because the refresh may have no timeout
        if self._topics.refresh(self._group):
            self.close()  # the next member subscribes to all of them

    def _ask_kafka(self, group: Membership) -> None:
        if group.owned:
            with self._unless_a_topic_is_gone():
                self._look(self._readable(group), self._reader.ends(group.owned))
        else:
            self._connections.committed([TopicPartition(self._topics.first, 0)])
        self._heard_at = self._looked_at = self._clock()

    def _look(self, ours: Collection[TopicPartition], ends: Bounds) -> None:
        """Replace the client if it brings nothing although there is more."""
        reached = self._reader.reached()
        waited = self._patience.seconds
        late = self._patience.look({p: reached[p] for p in ours if p in reached}, ends)
        if late or self._patience.eases():
            self._reader.close()
            self._reader.fetch = self._patience.fetch
        if late:
            first = min(late)
            place = {"topic": first.topic, "partition": first.partition, "offset": reached[first]}
            nothing_comes.send(self._consumer, **place, seconds=waited, part=self._patience.fetch.part)

    @contextmanager
    def _unless_a_topic_is_gone(self) -> Iterator[None]:
        """For a deleted topic the client repeats its request until the timeout."""
        try:
            yield
        except self._connections.no_answer:
            if self._group is None or not self._topics.have_changed(self._group):
                raise

    def _find_undecodable(self, undecodable: Undecodable) -> None:
        error, partition = undecodable.error, undecodable.partition
        try:
            positions = self._unread() if partition is None else {}
        finally:
            self._reader.close()  # it would hang at the batch that it could not decode
        if partition is not None:
            at = TopicPartition(*partition)
            self._undecodable.note(at, self._reader.positions[at], error)
            return
        if self._undecodable.find(positions, error):
            return
        if not isinstance(error, self._connections.errors):
            raise error  # not a batch, but a bug
        self._not_found = SourceUnavailable(
            f"{self._connections.servers} has sent a batch that the client cannot decode, of an unknown "
            f"partition. Correct the producer, or move past the batch with inbox_seek: {error}"
        )
        raise self._not_found from error

    def _unread(self) -> dict[TopicPartition, int]:
        others = sorted(frozenset() if self._group is None else self._readable(self._group))
        ends: Bounds = {}
        with suppress(*self._connections.no_answer):  # only to skip partitions that have nothing left to read
            ends = self._reader.ends(others)
        positions = {partition: self._reader.positions[partition] for partition in others}
        return {p: at for p, at in positions.items() if at < ends.get(p, at + 1)}

    def _welcome(self, assigned: Collection[TopicPartition]) -> None:
        self._heard_at = self._clock()
        self._starts.arrive(assigned)

    def _owned(self) -> frozenset[TopicPartition]:
        group = self._group  # metrics ask for it in another thread
        return frozenset() if group is None else group.owned

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._connections.no_answer as error:
            raise SourceUnavailable(self._connections.reason(error)) from error
        except self._connections.errors as error:
            self.close()
            raise SourceUnavailable(self._connections.reason(error)) from error
