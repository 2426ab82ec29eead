"""All steps of inbox_doctor, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, cast
from uuid import uuid4

from django.core.exceptions import ImproperlyConfigured

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.doctor import offsets
from inbox.doctor.database import DatabaseSteps
from inbox.doctor.kafka_python import Inspector as KafkaPython
from inbox.models import Offset
from outbox_core.kafka_options import CONFLUENT
from outbox_core.operations.doctor import cluster
from outbox_core.operations.doctor.kafka import SETTINGS, KafkaSteps
from outbox_core.operations.doctor.postgresql import system_checks
from outbox_core.operations.doctor.probe_record import probe_record
from outbox_core.operations.doctor.round_trip import round_trip
from outbox_core.operations.doctor.step import Note, Step, failed
from outbox_core.operations.doctor.topics import DAY_MS, Needs, allow
from outbox_core.people.humanize import plural
from outbox_core.wire.encode import Record

READING = ("READ", "DESCRIBE")
STEP_SECONDS = 15.0
ROUND_TRIP_SECONDS = 60.0
SOURCE = "/inbox-doctor"


class Inspector(cluster.Inspector, Protocol):
    """An inspector that also examines groups, and writes a record for the round trip."""

    def group(self, name: str) -> frozenset[str] | None:
        """The operations that this client may do with a consumer group; empty if the broker does not say,
        None if there are none.
        """

    def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """The first offset and the end offset of each partition."""

    def write(self, topic: str, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Write a record, and wait until all replicas in sync have it."""


class ConsumerSteps:
    """The steps of these consumers on database ``alias``. ``topic`` is for a round trip, if one is wanted.

    Without readable settings, ``inbox`` is None and there are no consumers.
    """

    def __init__(
        self,
        inbox: Settings | None,
        consumers: Sequence[ConsumerSettings],
        alias: str,
        topic: str | None,
        *,
        even_events: bool,
    ) -> None:
        self._inbox = inbox
        self._consumers = consumers
        self._alias = alias
        self._topic = topic
        self._even_events = even_events
        self._kafka = KafkaSteps(lambda: settings().kafka_options(), self._inspect, self._needs())

    def all(self) -> Iterator[Step]:
        """From the settings to the offsets."""
        yield Step(name=SETTINGS, look=self._settings)
        yield Step(name="checks", look=partial(system_checks, ("inbox",)))
        yield from DatabaseSteps(self._alias).all()
        yield from self._kafka.all()
        for consumer in self._consumers:
            yield from self._steps_of(consumer)
        if self._topic is not None:
            look = partial(self._round_trip, self._topic)
            yield Step(name="round-trip", look=look, needs=("login",), seconds=ROUND_TRIP_SECONDS)

    def _steps_of(self, consumer: ConsumerSettings) -> Iterator[Step]:
        name, seconds = consumer.name, STEP_SECONDS
        group, stored = partial(self._group, consumer), partial(self._offsets, consumer)
        yield Step(name=f"group {name}", look=group, needs=("login",), seconds=seconds)
        yield Step(name=f"offsets {name}", look=stored, needs=("login", "grants"), seconds=seconds)

    def close(self) -> None:
        """Give up the connections."""
        self._kafka.close()

    def _inspect(self) -> Inspector:
        if settings().kafka_backend == CONFLUENT:
            from inbox.doctor.confluent import Inspector as Confluent

            return Confluent(settings().kafka_options())
        return KafkaPython(settings().kafka_options())

    @property
    def _inspector(self) -> Inspector:
        return cast("Inspector", self._kafka.inspector)

    def _needs(self) -> Mapping[str, Needs]:
        if self._inbox is None:
            return {}
        needs = Needs(operations=READING, writes=False, kept_ms=self._inbox.retention_days * DAY_MS)
        return dict.fromkeys(sorted({topic for each in self._consumers for topic in each.topics}), needs)

    def _settings(self) -> Iterator[Note]:
        try:
            settings().kafka_options()
        except ImproperlyConfigured as error:
            yield failed(str(error), "Correct the settings; `manage.py check` reads them, too.")
        else:
            names = ", ".join(each.name for each in self._consumers)
            yield f"INBOX and KAFKA are readable; {plural(len(self._consumers), 'consumer')}: {names}"

    def _group(self, consumer: ConsumerSettings) -> Iterator[Note]:
        allowed = self._inspector.group(consumer.group)
        if allowed is None or (allowed and "READ" not in allowed):
            principal = self._kafka.endpoint.principal
            yield failed(
                f"{principal} may not Read group {consumer.group}.",
                allow(principal, f"--operation Read --group {consumer.group}"),
            )
        else:
            yield f"{consumer.name}: group {consumer.group} may be joined"

    def _offsets(self, consumer: ConsumerSettings) -> Iterator[Note]:
        rows = Offset.objects.using(self._alias).filter(consumer=consumer.name, topic__in=consumer.topics)
        found = offsets.judge(rows, self._kafka.found, self._kafka.topics, self._inspector.bounds)
        for finding in found:
            yield f"{consumer.name}: {finding}" if isinstance(finding, str) else finding

    def _round_trip(self, topic: str) -> Iterator[Note]:
        record = probe_record(topic, str(uuid4()), SOURCE)
        events = () if self._even_events else _topics(settings())
        return round_trip(record, self._write, self._inspector, events=events)

    def _write(self, record: Record) -> None:
        self._inspector.write(*record)


def _topics(inbox: Settings) -> set[str]:
    """The topics of all consumers, with the prefix."""
    return {topic for name in inbox.consumers for topic in inbox.consumer(name).topics}
