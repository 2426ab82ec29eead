"""The inbox's way to Kafka, together with ``inbox.client``, ``inbox.membership`` and ``inbox.unreadable``."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from kafka import TopicPartition
from kafka.errors import KafkaConfigurationError, KafkaError, KafkaTimeoutError

from inbox.client import ANSWER_MS, DEFAULTS, FIXED, connect
from inbox.errors import SourceUnavailable
from inbox.membership import Membership
from inbox.missed import MissedRecords
from inbox.offsets import GroupOffsets
from inbox.record import Record
from inbox.source import Offsets
from inbox.topics import Topics
from inbox.unreadable import Undecodable, Unreadable, poll

ASK_EVERY = 5.0  # seconds without a record after which Kafka is asked whether it is there


class KafkaSource:
    """Records of some topics, shared with the other members of a consumer group.

    Heartbeats come from the client's own thread; ``keep_alive`` polls besides, with fetching paused, because
    a member that does not poll is thrown out. After an error that the client does not get over it is made
    anew.
    """

    def __init__(
        self,
        consumer: str,
        *,
        bootstrap_servers: Sequence[str],
        topics: Sequence[str],
        group: str,
        options: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = ",".join(bootstrap_servers)
        self._config = {
            **DEFAULTS,
            **options,
            **FIXED,
            "bootstrap_servers": list(bootstrap_servers),
            "group_id": group,
        }
        self._clock = clock
        self._client: Any = None
        self._may_keep_back = False
        self._kept_back: Exception | None = None
        self._membership = Membership(self._welcome)
        self._unreadable = Unreadable(consumer, self._connect_without_group, clock)
        self._not_found: SourceUnavailable | None = None
        self._topics = Topics(consumer, topics, clock)
        self._missed = MissedRecords(consumer)
        self._offsets = GroupOffsets(self._topics.origins, self._missed)
        self._heard_at = self._looked_at = clock()

    def poll(self, timeout: float) -> Sequence[Record]:
        with self._translated():
            try:
                return self._poll(timeout)
            except Undecodable as undecodable:
                self._find_unreadable(undecodable.error)
        return ()

    def _poll(self, timeout: float) -> Sequence[Record]:
        self._give_up_kept_back()
        self._look_for_missing_topics()
        client = self._current()
        checked = self._offsets.check(client)
        client.resume(*checked - self._unreadable.among(checked))
        client.resume(*self._unreadable.readable(client.assignment(), self._position))
        batches = poll(client, timeout_ms=int(timeout * 1000))
        self._may_keep_back = 0 < sum(map(len, batches.values())) < self._config["max_poll_records"]
        self._membership.revoked = False  # whatever was, was before these records
        if batches:
            self._missed.look(client, batches)
            self._heard_at = self._clock()
            self._not_found = None
        elif self._membership.hangs(client.group_metadata(), self._clock()):
            self.close()
        elif self._clock() >= self._heard_at + ASK_EVERY:
            self._hear()
            self._commit()
            if self._membership.joined:
                self._not_found = None
        if self._not_found is not None:
            raise self._not_found  # that nothing has come yet is no answer
        return [_record(record) for batch in batches.values() for record in batch]

    def commit(self, offsets: Offsets) -> None:
        self._offsets.add(offsets)
        with self._translated():
            self._commit()

    def rewind(self, offsets: Offsets) -> None:
        if self._client is not None:
            for partition in self._client.assignment():
                if (partition.topic, partition.partition) in offsets:
                    self._client.seek(partition, offsets[partition.topic, partition.partition])

    def keep_alive(self) -> bool:
        if self._client is None:
            return False
        try:
            with self._translated():
                self._poll_paused(self._client)
        except SourceUnavailable:
            return self._client is not None
        return not self._membership.revoked

    def partitions(self) -> int:
        return 0 if self._client is None else len(self._client.assignment())

    def lag(self) -> int | None:
        if self._client is None or self._unreadable.among(self._client.assignment()):
            return None
        lags = [self._lag(partition) for partition in self._client.assignment()]
        known = [lag for lag in lags if lag is not None]
        return sum(known) if known or not lags else None

    def waits_for(self) -> str:
        assigned = () if self._client is None else self._client.assignment()
        return "; ".join(filter(None, (str(self._topics.missing), self._unreadable.words(assigned))))

    def close(self) -> None:
        client, self._client = self._client, None
        self._kept_back = None
        if client is not None:
            with suppress(KafkaError):
                client.close(timeout_ms=ANSWER_MS)

    def _current(self) -> Any:
        if self._client is not None and self._topics.have_changed(self._client):
            self.close()  # and be made anew with those that are there
        return self._opened()

    def _opened(self) -> Any:
        if self._client is None:
            self._client = connect(self._config)
            self._membership = Membership(self._welcome)
            self._offsets.forget()
            try:
                self._topics.subscribe(self._client, self._membership)
            except KafkaError:
                self.close()
                raise
            self._heard_at = self._clock()
        return self._client

    def _look_for_missing_topics(self) -> None:
        if self._client is None or not self._topics.missing or self._clock() < self._looked_at + ASK_EVERY:
            return
        self._looked_at = self._clock()
        self._hear()  # as the look knows no timeout
        if self._topics.look(self._client):
            self.close()  # and be made anew with all of them

    def _hear(self) -> None:
        assigned = list(self._client.assignment())
        if assigned:
            with self._unless_a_topic_is_gone():
                self._ends(assigned)
        else:
            self._client.committed(TopicPartition(self._topics.first, 0), timeout_ms=ANSWER_MS)
        self._heard_at = self._clock()

    def _ends(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        try:
            ends: Mapping[TopicPartition, int] = self._client.end_offsets(partitions, timeout_ms=ANSWER_MS)
        except KeyError:  # so the client puts it that one of them was deleted while it asked
            return {}
        return ends

    def _commit(self) -> None:
        with self._unless_a_topic_is_gone():
            self._offsets.commit(self._client)

    @contextmanager
    def _unless_a_topic_is_gone(self) -> Iterator[None]:
        """What the client asks of a topic that was deleted, it asks until its time is over."""
        try:
            yield
        except KafkaTimeoutError:
            if not self._topics.have_changed(self._client):
                raise

    def _look_for_kept_back(self, client: Any) -> None:
        # A poll that has records to return keeps back what it could not decode behind them. A paused poll
        # would forget that, and the client would hang in the next.
        if self._may_keep_back:
            self._may_keep_back = False
            try:
                _put_back(client, poll(client, timeout_ms=0, max_records=1))
            except Undecodable as error:
                self._kept_back = error

    def _give_up_kept_back(self) -> None:
        if self._kept_back is not None:
            if not self._membership.revoked:
                raise self._kept_back
            self.close()  # whose partition it is now finds it again

    def _poll_paused(self, client: Any) -> None:
        self._look_for_kept_back(client)
        client.pause(*client.assignment())
        try:
            _put_back(client, poll(client, timeout_ms=0))  # of a partition that this very poll has assigned
        finally:
            paused = client.paused()
            client.resume(*paused - self._unreadable.among(paused) - self._offsets.unchecked(paused))

    def _connect_without_group(self) -> Any:
        return connect({**self._config, "group_id": None, "group_instance_id": None})

    def _find_unreadable(self, error: Exception) -> None:
        try:
            positions = self._unread()
        finally:
            self.close()  # it would hang in what it could not decode
        if self._unreadable.find(positions, error):
            return
        if not isinstance(error, KafkaError):
            raise error  # no batch, but a mistake
        self._not_found = SourceUnavailable(
            f"{self._servers} has sent a batch that the client cannot decode, and it is not found out of "
            f"which partition; mend the producer, or move the group past it: {error}"
        )
        raise self._not_found from error

    def _unread(self) -> dict[TopicPartition, int]:
        assigned = self._client.assignment()
        others = sorted(assigned - self._unreadable.among(assigned))
        ends: Mapping[TopicPartition, int] = {}
        with suppress(KafkaTimeoutError):  # spares the trying of those where nothing is left
            ends = self._ends(others)
        positions = {partition: self._position(partition) for partition in others}
        return {p: at for p, at in positions.items() if at is not None and at < ends.get(p, at + 1)}

    def _welcome(self, assigned: Collection[TopicPartition]) -> None:
        self._heard_at = self._clock()
        self._offsets.arrive(assigned)
        self._client.pause(*assigned)

    def _position(self, partition: TopicPartition) -> int | None:
        position: int | None = self._client.position(partition, timeout_ms=0)
        return position

    def _lag(self, partition: TopicPartition) -> int | None:
        try:
            end, position = self._client.highwater(partition), self._position(partition)
        except KafkaError:  # a figure for people must not end the consumer
            return None
        return None if end is None or position is None else max(0, end - position)

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


def _put_back(client: Any, batches: Mapping[TopicPartition, Sequence[Any]]) -> None:
    for partition, records in batches.items():
        client.seek(partition, records[0].offset)


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
