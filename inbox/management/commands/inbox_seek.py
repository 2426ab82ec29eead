"""manage.py inbox_seek: move a consumer to another place in its topics."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from kafka import TopicPartition

from inbox.conf import ConsumerSettings, settings
from inbox.errors import SourceUnavailable, UnknownConsumer
from inbox.kafka.clients import inquiry
from inbox.kafka.seeking import Group
from inbox.management.command import InboxCommand
from inbox.models import Instance, Ledger, Offset
from inbox.offsets import DatabaseOffsets
from inbox.signals import offsets_sought
from outbox_core.operations import actor
from outbox_core.operations.ledger import OpenEntry
from outbox_core.people.humanize import plural
from outbox_core.process.exit_codes import ExitCode

REFUSED, USAGE = ExitCode.ERROR, ExitCode.USAGE
SHOWN = 100
"""The ledger names the offsets of so many partitions."""


class Command(InboxCommand):
    """Move a stopped consumer to another offset of a topic."""

    help = (
        "Move a stopped consumer to another offset of a topic, in its database and in Kafka's copy. Forward: "
        "the events in between are never handled. Backward: they are delivered again, and those that were "
        "handled are skipped. To repeat their effects, have the producer send them again: outbox_replay. "
        "Exit codes: 0 done, 1 refused (consumer running, or no answer of Kafka or the database), 2 usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="consumer", help="one of INBOX['CONSUMERS']")
        parser.add_argument("--topic", required=True, help="one of its topics, with the prefix")
        parser.add_argument("--partition", type=int, help="only this one (default: all of the topic)")
        places = parser.add_mutually_exclusive_group(required=True)
        places.add_argument("--to-offset", type=int, metavar="N", help="offset N is handled next")
        places.add_argument(
            "--to-time", metavar="ISO", help="the first record that Kafka received at that time or later"
        )
        places.add_argument("--to-beginning", action="store_true", help="the first record that Kafka has")
        places.add_argument("--to-end", action="store_true", help="only records that are written from now on")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
        parser.add_argument("--reason", default="", help="why; it is kept in the ledger")
        parser.add_argument("--yes", action="store_true", help="do not ask before events are skipped")

    def handle(self, *, name: str, topic: str, **options: Any) -> None:
        consumer = _consumer(name, topic)
        inbox = settings()
        try:
            with closing(Group(name, inquiry(*inbox.kafka_client(), consumer.group))) as group:
                _refuse_while_running(consumer, inbox.database, group)
                partitions = _partitions(group, topic, options["partition"])
                targets = _targets(group, partitions, options)
                before = _stored(name, partitions, inbox.database)
                self._say(targets, before, group)
                if options["dry_run"]:
                    return
                if not options["yes"]:
                    self._ask(targets, before)
                _move(name, group, targets, before, inbox.database, options["reason"])
        except SourceUnavailable as error:
            raise CommandError(f"Kafka: {error}", returncode=REFUSED) from error
        for partition, offset in targets.items():
            where = {"topic": partition.topic, "partition": partition.partition}
            deed = {"before": before.get(partition), "offset": offset, "reason": options["reason"]}
            offsets_sought.send(name, **where, **deed, by=actor.shell())

    def _say(
        self, targets: dict[TopicPartition, int], before: dict[TopicPartition, int], group: Group
    ) -> None:
        bounds = group.bounds(list(targets))
        for partition, offset in targets.items():
            start = max(before.get(partition, 0), bounds[partition][0])
            change = f"{offset - start} skipped" if offset > start else f"{start - offset} delivered again"
            self.stdout.write(f"{partition.topic}/{partition.partition}: {start} -> {offset}, {change}")

    def _ask(self, targets: dict[TopicPartition, int], before: dict[TopicPartition, int]) -> None:
        if any(offset > before.get(partition, 0) for partition, offset in targets.items()):
            self.confirm("Events that are skipped are never handled. Continue?", code=REFUSED)


def _consumer(name: str, topic: str) -> ConsumerSettings:
    try:
        consumer = settings().consumer(name)
    except UnknownConsumer as error:
        raise CommandError(str(error), returncode=USAGE) from error
    if topic not in consumer.topics:
        topics = ", ".join(sorted(consumer.topics))
        raise CommandError(f"{name} does not read {topic!r}; it reads {topics}.", returncode=USAGE)
    return consumer


def _refuse_while_running(consumer: ConsumerSettings, database: str, group: Group) -> None:
    alive = Instance.objects.using(database).filter(consumer=consumer.name).alive().count()
    members = group.members()
    if alive or members:
        raise CommandError(
            f"{consumer.name} is running: {plural(alive, 'heartbeat')} in the last minute, and "
            f"{plural(members, 'member')} in group {consumer.group}. Stop them first. A killed process "
            "counts for up to a minute.",
            returncode=REFUSED,
        )


def _partitions(group: Group, topic: str, number: int | None) -> list[TopicPartition]:
    found = [p for p in group.partitions(topic) if number in (None, p.partition)]
    if not found:
        which = "" if number is None else f" partition {number} of"
        raise CommandError(f"There is no{which} topic {topic!r}.", returncode=USAGE)
    return found


def _targets(
    group: Group, partitions: list[TopicPartition], options: dict[str, Any]
) -> dict[TopicPartition, int]:
    bounds = group.bounds(partitions)
    if options["to_beginning"]:
        return {partition: first for partition, (first, _) in bounds.items()}
    if options["to_end"]:
        return {partition: end for partition, (_, end) in bounds.items()}
    if options["to_time"] is not None:
        return group.at_time(partitions, _time(options["to_time"]))
    for partition, (first, end) in bounds.items():
        if not first <= options["to_offset"] <= end:
            raise CommandError(
                f"{partition.topic}/{partition.partition} has offsets {first} to {end}; give one of them.",
                returncode=USAGE,
            )
    return dict.fromkeys(partitions, options["to_offset"])


def _time(text: str) -> datetime:
    try:
        when = parse_datetime(text)
    except ValueError:
        when = None
    if when is None:
        raise CommandError(f"{text!r} is not a time; write it as 2026-01-31T12:00:00Z.", returncode=USAGE)
    return timezone.make_aware(when) if timezone.is_naive(when) else when


def _stored(name: str, partitions: list[TopicPartition], database: str) -> dict[TopicPartition, int]:
    rows = Offset.objects.using(database).filter(consumer=name, topic=partitions[0].topic)
    offsets = dict(rows.values_list("partition", "offset"))
    return {p: offsets[p.partition] for p in partitions if p.partition in offsets}


def _move(
    name: str,
    group: Group,
    targets: dict[TopicPartition, int],
    before: dict[TopicPartition, int],
    database: str,
    reason: str,
) -> None:
    """Kafka's copy is moved inside the transaction. If only one of the two is moved, the lower one counts."""
    with transaction.atomic(using=database):
        for partition, offset in targets.items():
            place = (partition.topic, partition.partition)
            start = group.stored(partition, offset)
            DatabaseOffsets(name, database).move(place, start)
        _note(name, targets, before, database, reason)
        group.commit(targets)


def _note(
    name: str,
    targets: dict[TopicPartition, int],
    before: dict[TopicPartition, int],
    database: str,
    reason: str,
) -> None:
    topic = next(iter(targets)).topic
    OpenEntry(
        Ledger,
        database,
        who=actor.shell(),
        verb=Ledger.Verb.SEEK,
        scope=f"{name}, {topic}: {_places(targets)}",
        selection={"consumer": name, "topic": topic, "partition": [p.partition for p in targets]},
        reason=reason,
        before=_places(before) or "no offset",
    ).add(len(targets), last=True)


def _places(offsets: dict[TopicPartition, int]) -> str:
    """``partition 0 at 7, partition 1 at 9``."""
    listed = [f"partition {p.partition} at {offset}" for p, offset in islice(offsets.items(), SHOWN)]
    more = len(offsets) - SHOWN
    return ", ".join([*listed, f"and {more} more"] if more > 0 else listed)
