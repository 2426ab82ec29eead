"""Reading from Kafka: topics, offsets and partitions."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.dispatch import receiver

from inbox import signals
from inbox.log_lines.line import log
from outbox_core.people.failure import without_rows


@receiver(signals.topics_missing)
def _topics_missing(sender: str, topics: Collection[str], **_: Any) -> None:
    message = (
        "%s: these topics do not exist, or may not be read: %s. Other topics are read; nothing is lost. "
        "Create them, or grant the consumer Read and Describe on them."
    )
    names = sorted(topics)
    log(
        logging.WARNING,
        "inbox.topics_missing",
        message,
        sender,
        ", ".join(names),
        consumer=sender,
        topics=names,
    )


@receiver(signals.topics_found)
def _topics_found(sender: str, topics: Collection[str], seconds: float, **_: Any) -> None:
    message = "%s: these topics are readable again after %.1f s: %s."
    names = sorted(topics)
    words = (sender, seconds, ", ".join(names))
    log(logging.INFO, "inbox.topics_found", message, *words, consumer=sender, topics=names, seconds=seconds)


@receiver(signals.nothing_comes)
def _nothing_comes(
    sender: str, topic: str, partition: int, offset: int, seconds: float, part: int, **_: Any
) -> None:
    less = "" if part == 1 else f" It asks for 1/{part} of the bytes that the options say, and waits longer."
    log(
        logging.WARNING,
        "inbox.nothing_comes",
        "%s: Kafka has more of %s/%d, but nothing came from offset %d on for %.0f s: the link is slow, or "
        "the client stands still. A new client reads on; nothing is lost.%s",
        *(sender, topic, partition, offset, seconds, less),
        **_partition(sender, topic, partition),
        offset=offset,
        seconds=seconds,
    )


@receiver(signals.topic_recreated)
def _topic_recreated(sender: str, topic: str, **_: Any) -> None:
    message = (
        "%s: topic %s was deleted and created again; reading it from its beginning. Events of the deleted "
        "topic that were not handled yet are lost."
    )
    log(logging.WARNING, "inbox.topic_recreated", message, sender, topic, consumer=sender, topic=topic)


@receiver(signals.records_missed)
def _records_missed(sender: str, topic: str, partition: int, first: int, last: int, **_: Any) -> None:
    log(
        logging.ERROR,
        "inbox.records_missed",
        "%s: Kafka deleted %s/%d offsets %d to %d before they were read; reading continues after them. They "
        "may have been events, or marks of transactions. Set a longer retention.ms for the topic.",
        *(sender, topic, partition, first, last),
        **_partition(sender, topic, partition),
        first=first,
        last=last,
    )


@receiver(signals.offsets_went_back)
def _offsets_went_back(sender: str, **_: Any) -> None:
    message = (
        "%s: the database went back in time: it was restored, or a standby was promoted that was behind. "
        "Reading again from the offsets in the database; events that it still has as handled are skipped."
    )
    log(logging.WARNING, "inbox.offsets_went_back", message, sender, consumer=sender)


@receiver(signals.group_offset_ignored)
def _group_offset_ignored(
    sender: str, topic: str, partition: int, offset: int, group_offset: int, **_: Any
) -> None:
    log(
        logging.WARNING,
        "inbox.group_offset_ignored",
        "%s: Kafka has offset %d for %s/%d, the database has %d; the lower one counts. The database was "
        "restored, or somebody moved the group with another tool. To skip events, use: manage.py inbox_seek "
        "%s --topic %s --partition %d --to-offset %d",
        *(sender, group_offset, topic, partition, offset, sender, topic, partition, group_offset),
        **_partition(sender, topic, partition),
        offset=offset,
        group_offset=group_offset,
    )


@receiver(signals.cluster_changed)
def _cluster_changed(sender: str, topic: str, before: str, now: str, **_: Any) -> None:
    log(
        logging.WARNING,
        "inbox.cluster_changed",
        "%s: the offsets of %s in the database are of Kafka cluster %s; this is cluster %s. Reading from the "
        "group's offsets here, or from the beginning if it has none; events that are handled are skipped.",
        *(sender, topic, before, now),
        consumer=sender,
        topic=topic,
    )


@receiver(signals.offsets_sought)
def _offsets_sought(
    sender: str, topic: str, partition: int, before: int | None, offset: int, reason: str, by: str, **_: Any
) -> None:
    log(
        logging.WARNING,
        "inbox.seek",
        "%s: %s/%d was moved from %s to offset %d by %s. Reason: %s",
        *(sender, topic, partition, "the beginning" if before is None else before, offset, by, reason),
        **_partition(sender, topic, partition),
        offset=offset,
        by=by,
        reason=reason,
    )


@receiver(signals.partition_undecodable)
def _partition_undecodable(
    sender: str, topic: str, partition: int, offset: int, error: Exception, extra: str, **_: Any
) -> None:
    skip = f"manage.py inbox_seek {sender} --topic {topic} --partition {partition} --to-offset N"
    cure = (
        f"Start the consumer again with this codec: pip install '{extra}'"
        if extra
        else f"Correct the producer, stop the consumers and move past the batch: {skip}"
    )
    log(
        logging.ERROR,
        "inbox.partition_undecodable",
        "%s: the Kafka client cannot decode %s/%d offset %d; this partition waits. Other partitions are "
        "read; nothing is lost. %s. %s",
        *(sender, topic, partition, offset, cure, without_rows(str(error))),
        **_partition(sender, topic, partition),
        offset=offset,
        extra=extra,
    )


@receiver(signals.partition_decodable)
def _partition_decodable(sender: str, topic: str, partition: int, seconds: float, **_: Any) -> None:
    log(
        logging.INFO,
        "inbox.partition_decodable",
        "%s: %s/%d is readable again after %.1f s.",
        *(sender, topic, partition, seconds),
        **_partition(sender, topic, partition),
        seconds=seconds,
    )


def _partition(consumer: str, topic: str, partition: int) -> dict[str, Any]:
    return {"consumer": consumer, "topic": topic, "partition": partition}
