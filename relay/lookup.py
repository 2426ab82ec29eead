"""Finds the records of one event in Kafka, for the admin of the outbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.core.exceptions import ImproperlyConfigured

from outbox.search.in_kafka import Lookup, Place, Reading
from outbox_core.errors import KafkaUnreachable
from outbox_core.people.text import line
from relay.audit.claims import Claim, claim
from relay.audit.kafka import KafkaLog, Reader, open_reader
from relay.consumer_groups.lags import ConsumerGroup

ASK_SECONDS = 3.0
"""How long each question to Kafka may take."""
SKEW = timedelta(seconds=10)
"""How far the clock of a relay may be behind that of PostgreSQL."""
MOST = 20


def find(
    topic: str,
    event_id: str,
    since: datetime,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Lookup:
    """The records with this id, in the order of their partitions. A record is sent after its event was
    created, so it is looked for from then on.
    """
    deadline = clock() + seconds
    try:
        reader = open_reader(ASK_SECONDS)
        with closing(KafkaLog(reader)) as kafka:
            found = _read(kafka, topic, event_id, since, lambda: clock() < deadline)
            return replace(found, groups=_groups(reader, topic, found.places))
    except (KafkaUnreachable, ImproperlyConfigured) as error:
        return Lookup(trouble=line(error))


def _read(
    kafka: KafkaLog, topic: str, event_id: str, since: datetime, has_time: Callable[[], bool]
) -> Lookup:
    if not kafka.exists(topic):
        return Lookup(trouble=f"Kafka has no topic {topic}.")
    spans = kafka.spans(topic, since, SKEW)
    total = sum(end - first for first, end in spans.values())
    found, read = [], 0
    for batch in kafka.records(topic, spans) if total else ():
        read += len(batch)
        found += [each for each in map(claim, batch) if each is not None and each.event_id == event_id]
        if not has_time():
            break
    else:
        return Lookup(places=list(_places(found)), read=read, complete=True)
    return Lookup(places=list(_places(found)), read=read)


def _groups(reader: Reader, topic: str, places: Sequence[Place]) -> Sequence[Reading] | None:
    """Which of these records the groups of the topic have read; None if Kafka does not say."""
    try:
        groups = reader.groups([topic]) if places else ()
    except Exception:  # for an answer that they do not understand, clients raise any error
        return None
    return [
        _reading(group, place, group.offsets[topic, place.partition])
        for group in sorted(groups, key=lambda each: each.name)
        for place in places
        if (topic, place.partition) in group.offsets
    ]


def _reading(group: ConsumerGroup, place: Place, offset: int) -> Reading:
    left = max(place.offset + 1 - offset, 0)
    return Reading(group=group.name, members=group.members, place=place, past=not left, lag=left)


def _places(found: list[Claim]) -> Iterator[Place]:
    for each in sorted(found, key=lambda each: (each.record.partition, each.record.offset)):
        sent = each.record.timestamp
        yield Place(
            partition=each.record.partition,
            offset=each.record.offset,
            sent_at=datetime.fromtimestamp(sent / 1000, UTC) if sent >= 0 else None,
            replay=each.replay,
        )
