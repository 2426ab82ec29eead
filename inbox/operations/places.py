"""Where a person can move a consumer to, and what that means for each partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from django.utils import timezone
from kafka import TopicPartition

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.errors import NoSuchPlace, SeekRefused
from inbox.kafka.clients import inquiry
from inbox.kafka.inquiry import Span
from inbox.kafka.members import members
from inbox.kafka.seeking import Group
from inbox.models import Instance, Offset
from inbox.offsets import Stored
from inbox.status.strangers import sentence, strangers
from outbox_core.people.humanize import amount, plural

Targets = Mapping[TopicPartition, int]
SHOWN = 100
"""The ledger names the offsets of so many partitions."""
BEGINNING, END, OFFSET, TIME = "beginning", "end", "offset", "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``exact`` are offsets that a person has seen and confirmed, by partition."""

    kind: str = ""
    offset: int | None = None
    at: datetime | None = None
    exact: Mapping[int, int] = field(default_factory=dict)

    def targets(self, group: Group, bounds: Mapping[TopicPartition, Span]) -> Targets:
        """The offset of each partition. Raises NoSuchPlace."""
        if self.kind == BEGINNING:
            return {partition: first for partition, (first, _) in bounds.items()}
        if self.kind == END:
            return {partition: end for partition, (_, end) in bounds.items()}
        if self.at is not None:
            return group.at_time(list(bounds), self.at)
        if self.offset is not None:
            return {each: _within(each, self.offset, span) for each, span in bounds.items()}
        # Kafka may have deleted records since the person saw these.
        least = {each: max(self.exact[each.partition], first) for each, (first, _) in bounds.items()}
        return {each: _within(each, offset, bounds[each]) for each, offset in least.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One partition: where the consumer stands, where it goes, and whether Kafka wrote the first record there
    so long ago that the inbox may have forgotten that it was handled.
    """

    topic: str
    partition: int
    stands: int
    goes: int
    forgotten: bool

    @property
    def skipped(self) -> int:
        return max(0, self.goes - self.stands)

    @property
    def again(self) -> int:
        return max(0, self.stands - self.goes)

    def __str__(self) -> str:
        change = f"{self.skipped} skipped" if self.skipped else f"{self.again} delivered again"
        return f"{self.topic}/{self.partition}: {self.stands} -> {self.goes}, {change}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done. ``stored`` says which topic of which cluster it is. ``alive`` is how many processes
    of the consumer run.
    """

    consumer: str
    topic: str
    moves: Sequence[Move]
    stored: Stored
    alive: int

    @property
    def skipped(self) -> int:
        return sum(each.skipped for each in self.moves)

    @property
    def again(self) -> int:
        return sum(each.again for each in self.moves)

    @property
    def effects(self) -> Sequence[str]:
        """What it means for the events, in sentences."""
        days = settings().retention_days
        found = []
        if self.skipped:
            found.append(
                f"{_offsets(self.skipped)} skipped: their events are never handled. What is held stays held."
            )
        if self.again:
            found.append(
                f"{_offsets(self.again)} delivered again. What was handled or held is skipped, so each "
                "effect still happens once; what was never handled is handled."
            )
        if any(each.forgotten for each in self.moves):
            found.append(
                f"Some of these are older than {plural(days, 'day')} (RETENTION_DAYS). If inbox_prune has "
                "deleted their notes, their effects happen again."
            )
        return found or ["It stands there already."]

    @property
    def how(self) -> str:
        """Who carries it out, in a sentence."""
        if self.alive:
            who = "The process that runs moves" if self.alive == 1 else "The processes that run move"
            return f"{who} the partitions at the next heartbeat, behind the batch in hand."
        return "No process of this consumer runs. It is moved at once."


def plan(consumer: str, topic: str, partition: int | None, place: Place, using: str) -> Plan:
    """What it would do to move this consumer. Changes nothing.

    Raises NoSuchPlace, SeekRefused, UnknownConsumer, and SourceUnavailable if Kafka does not answer.
    """
    inbox = settings()
    known = _consumer(inbox, consumer, topic)
    with closing(Group(consumer, inquiry(*inbox.kafka_client(), known.group))) as group:
        alive = refuse_strangers(inbox, known, group, using)
        found = _partitions(group, topic, partition, place)
        bounds = group.bounds(found)
        targets = place.targets(group, bounds)
        old = group.at_time(found, timezone.now() - timedelta(days=inbox.retention_days))
        stands = stored(consumer, topic, using)
        return Plan(
            consumer=consumer,
            topic=topic,
            moves=[
                Move(
                    topic=topic,
                    partition=each.partition,
                    stands=(at := max(stands.get(each.partition, 0), bounds[each][0])),
                    goes=goes,
                    forgotten=goes < min(at, old[each]),
                )
                for each, goes in targets.items()
            ],
            stored=group.stored(found[0], 0),
            alive=alive,
        )


def refuse_strangers(inbox: Settings, consumer: ConsumerSettings, group: Group, using: str) -> int:
    """How many processes of it run. Raises SeekRefused if the group has other members."""
    alive = running(consumer.name, using)
    ask = partial(members, inbox, consumer.group)
    if found := strangers(consumer.name, using, ask) if alive else len(group.members()):
        told = sentence(consumer.group, found)
        raise SeekRefused(f"{told} They hang, or use another database. Stop them first.")
    return alive


def running(consumer: str, using: str) -> int:
    """How many processes of a consumer wrote a heartbeat within the last minute."""
    return Instance.objects.using(using).filter(consumer=consumer).alive().count()


def stored(consumer: str, topic: str, using: str) -> dict[int, int]:
    """Where a consumer stands, by partition."""
    rows = Offset.objects.using(using).filter(consumer=consumer, topic=topic).order_by("partition")
    return dict(rows.values_list("partition", "offset"))


def words(offsets: Mapping[int, int]) -> str:
    """``partition 0 at 7, partition 1 at 9``."""
    listed = [f"partition {number} at {offset}" for number, offset in islice(offsets.items(), SHOWN)]
    more = len(offsets) - SHOWN
    return ", ".join([*listed, f"and {more} more"] if more > 0 else listed)


def _consumer(inbox: Settings, name: str, topic: str) -> ConsumerSettings:
    consumer = inbox.consumer(name)
    if topic not in consumer.topics:
        topics = ", ".join(sorted(consumer.topics))
        raise NoSuchPlace(f"{name} does not read {topic!r}; it reads {topics}.")
    return consumer


def _partitions(group: Group, topic: str, number: int | None, place: Place) -> list[TopicPartition]:
    found = group.partitions(topic)
    if place.exact:
        found = [each for each in found if each.partition in place.exact]
    found = [each for each in found if number in (None, each.partition)]
    if not found:
        which = "" if number is None else f" partition {number} of"
        raise NoSuchPlace(f"There is no{which} topic {topic!r}.")
    return found


def _within(partition: TopicPartition, offset: int, span: Span) -> int:
    first, end = span
    if not first <= offset <= end:
        raise NoSuchPlace(
            f"{partition.topic}/{partition.partition} has offsets {first} to {end}; give one of them."
        )
    return offset


def _offsets(number: int) -> str:
    return f"{amount(number)} offset is" if number == 1 else f"{amount(number)} offsets are"
