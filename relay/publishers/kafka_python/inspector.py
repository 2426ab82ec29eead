"""Asks a cluster with the options of the publisher, for outbox_doctor and outbox_audit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import kafka
import kafka.errors

from outbox_core.kafka_python import words
from outbox_core.operations.doctor.kafka_python import KafkaPythonInspector
from outbox_core.wire.consumed import ConsumerRecord
from relay.consumer_groups.lags import ConsumerGroup
from relay.publishers.kafka_python.network import Network
from relay.publishers.kafka_python.options import answered_within, made

POLL_MS = 500
POLL_RECORDS = 2_000
GROUPS = 500
"""The most consumer groups that are looked at."""


class Inspector(KafkaPythonInspector):
    """Its network keeps the reason for which a connection failed, such as a wrong password."""

    def __init__(self, options: Mapping[str, Any], seconds: float) -> None:
        self._options = answered_within(options, seconds)
        self._networks: list[Network] = []
        super().__init__(
            kafka,
            admin=lambda: self._made(kafka.KafkaAdminClient),
            consumer=lambda: self._made(
                kafka.KafkaConsumer, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
            ),
            reason=self._words,
        )

    def offsets_at(self, topic: str, seconds: float) -> Mapping[int, int]:
        def ask(client: Any) -> Mapping[int, int]:
            places = [kafka.TopicPartition(topic, n) for n in client.partitions_for_topic(topic) or ()]
            found = client.offsets_for_times(dict.fromkeys(places, int(seconds * 1000)))
            return {place.partition: at.offset for place, at in found.items() if at is not None}

        return self._read(ask)

    def records(self, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[list[ConsumerRecord]]:
        ends = {kafka.TopicPartition(topic, number): end for number, (_, end) in spans.items()}

        def begin(client: Any) -> None:
            client.assign(list(ends))
            client.resume(*ends)  # if they were read before
            for place in ends:
                client.seek(place, spans[place.partition][0])

        def poll(client: Any) -> dict[Any, list[Any]]:
            found: dict[Any, list[Any]] = client.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            done = [place for place in unread if client.position(place) >= ends[place]]
            client.pause(*done)
            unread.difference_update(done)
            return found

        self._read(begin)
        unread = set(ends)
        while unread:
            batches = self._read(poll).items()
            yield [
                ConsumerRecord.of(one)
                for place, batch in batches
                for one in batch
                if one.offset < ends[place]
            ]

    def groups(self, topics: Collection[str]) -> Sequence[ConsumerGroup]:
        def ask(admin: Any) -> Sequence[ConsumerGroup]:
            names = [each["group_id"] for each in admin.list_groups()][:GROUPS]
            committed = admin.list_group_offsets(dict.fromkeys(names)) if names else {}
            ours = {name: _of_topics(offsets, topics) for name, offsets in committed.items()}
            found = {name: offsets for name, offsets in ours.items() if offsets}
            described = admin.describe_groups(list(found)) if found else {}
            return [_group(name, described[name], offsets) for name, offsets in found.items()]

        return self._asked(ask)

    def _made(self, client: Any, **decided: Any) -> Any:
        known = {name: value for name, value in self._options.items() if name in client.DEFAULT_CONFIG}
        return made(client, **known, **decided, kafka_client=self._connect)

    def _connect(self, **configs: Any) -> Network:
        self._networks.append(Network(**configs))
        return self._networks[-1]

    def _words(self, error: Exception) -> str:
        if isinstance(error, kafka.errors.BrokerResponseError):
            return words(error)  # a broker has answered, so the connection is not the reason
        return next((each.trouble for each in self._networks if each.trouble), "") or words(error)


def _of_topics(offsets: Mapping[Any, Any], topics: Collection[str]) -> Mapping[tuple[str, int], int]:
    return {
        (place.topic, place.partition): at.offset
        for place, at in offsets.items()
        if place.topic in topics and at.offset >= 0
    }


def _group(name: str, described: Mapping[str, Any], offsets: Mapping[tuple[str, int], int]) -> ConsumerGroup:
    members, state = len(described["members"]), str(described["group_state"])
    return ConsumerGroup(name=name, state=state, members=members, offsets=offsets)
