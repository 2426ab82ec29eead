"""Asks a cluster through kafka-python. The caller gives the module: this package imports no client."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from outbox_core.address import Address
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.cluster import Cluster, Partition, Topic, Trouble
from outbox_core.operations.doctor.topics import CONFIGS

T = TypeVar("T")
COORDINATOR_SECONDS = 5.0
RETRY_SECONDS = 0.2


class KafkaPythonInspector:
    """Makes an admin client and, for records, a consumer when they are needed. ``reason`` gives the words for
    an error of them.
    """

    def __init__(
        self,
        module: Any,
        *,
        admin: Callable[[], Any],
        consumer: Callable[[], Any],
        reason: Callable[[Exception], str] = str,
    ) -> None:
        self._kafka = module
        self._make_admin = admin
        self._make_consumer = consumer
        self._reason = reason
        self._admin: Any = None
        self._consumer: Any = None

    def cluster(self) -> Cluster:
        found = self._asked(lambda admin: admin.describe_cluster())
        brokers = tuple(Address(each["host"], each["port"]) for each in found["brokers"])
        return Cluster(id=found["cluster_id"] or "", brokers=brokers)

    def topics(self, names: Collection[str]) -> Sequence[Topic]:
        described = {each["name"]: each for each in self._asked(lambda a: a.describe_topics(list(names)))}
        configs = self._asked(self._configs_of(names))
        return [self._topic(described[name], configs.get(name, {})) for name in names]

    def group(self, name: str) -> frozenset[str] | None:
        """What this client may do with a consumer group, empty if the broker does not say. None: nothing."""
        errors = self._kafka.errors

        def ask(admin: Any) -> frozenset[str] | None:
            try:
                found = admin.describe_groups([name])
            except errors.GroupAuthorizationFailedError:
                return None
            return frozenset(found.get(name, {}).get("authorized_operations") or ())

        deadline = time.monotonic() + COORDINATOR_SECONDS
        while True:  # the first group of a cluster makes it create the topic of its coordinators
            try:
                return self._asked(ask)
            except KafkaUnreachable as error:
                coordinating = isinstance(error.__cause__, errors.CoordinatorNotAvailableError)
                if not coordinating or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """The first offset and the end offset of each partition."""

        def ask(client: Any) -> Mapping[int, tuple[int, int]]:
            numbers = client.partitions_for_topic(topic) or ()
            partitions = [self._kafka.TopicPartition(topic, number) for number in numbers]
            firsts, ends = client.beginning_offsets(partitions), client.end_offsets(partitions)
            return {each.partition: (firsts[each], ends[each]) for each in partitions}

        return self._read(ask)

    def ends(self, topic: str) -> Mapping[int, int]:
        return {number: end for number, (_, end) in self.bounds(topic).items()}

    def read(self, topic: str, starts: Mapping[int, int], key: bytes, seconds: float) -> float | None:
        def ask(client: Any) -> float | None:
            places = {self._kafka.TopicPartition(topic, number): start for number, start in starts.items()}
            client.assign(list(places))
            for place, start in places.items():
                client.seek(place, start)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for records in client.poll(timeout_ms=200).values():
                    for record in records:
                        if record.key == key:
                            return float(record.timestamp) / 1000
            return None

        return self._read(ask)

    def close(self) -> None:
        for client in (self._admin, self._consumer):
            if client is not None:
                with suppress(Exception):  # nothing is in flight
                    client.close()

    def _configs_of(self, names: Collection[str]) -> Callable[[Any], Mapping[str, Any]]:
        admin, only = self._kafka.admin, dict.fromkeys(CONFIGS)
        asked = [admin.ConfigResource(admin.ConfigResourceType.TOPIC, name, only) for name in names]

        def ask(client: Any) -> Mapping[str, Any]:
            found: Mapping[str, Any] = client.describe_configs(asked, config_filter="all").get("topic", {})
            return found

        return ask

    def _topic(self, described: Mapping[str, Any], configs: Mapping[str, Any]) -> Topic:
        allowed = described.get("authorized_operations")
        return Topic(
            name=described["name"],
            id=str(described.get("topic_id") or ""),
            trouble=self._trouble(described),
            partitions=tuple(map(_partition, described["partitions"])),
            operations=None if allowed is None else frozenset(allowed),
            configs={name: str(each["value"]) for name, each in configs.items() if each["value"] is not None},
        )

    def _trouble(self, described: Mapping[str, Any]) -> Trouble | None:
        errors = self._kafka.errors
        error = errors.for_code(described["error_code"])
        if error is errors.TopicAuthorizationFailedError:
            return Trouble.FORBIDDEN
        return None if described["partitions"] else Trouble.MISSING

    def _asked(self, ask: Callable[[Any], T]) -> T:
        def with_admin() -> T:
            self._admin = self._admin or self._make_admin()
            return ask(self._admin)

        return self._translated(with_admin)

    def _read(self, ask: Callable[[Any], T]) -> T:
        def with_consumer() -> T:
            self._consumer = self._consumer or self._make_consumer()
            return ask(self._consumer)

        return self._translated(with_consumer)

    def _translated(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (self._kafka.errors.KafkaError, OSError) as error:
            raise KafkaUnreachable(self._reason(error)) from error


def _partition(described: Mapping[str, Any]) -> Partition:
    return Partition(
        number=described["partition_index"],
        replicas=len(described["replica_nodes"]),
        in_sync=len(described["isr_nodes"]),
        has_leader=described["leader_id"] >= 0,
    )
