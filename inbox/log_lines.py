"""The inbox's log lines: one for each signal, with a stable ``action`` and fields for machines."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.dispatch import receiver

from inbox import signals
from inbox.handling.routing import Delivery
from inbox.models import HeldEvent
from outbox_core.people.failure import without_rows
from outbox_core.people.logs import guard
from outbox_core.wire.event import Event
from outbox_core.wire.trace import trace_id

logger = logging.getLogger("inbox")
guard(logger)

DECIDE = "Correct the handler or the data, then use inbox_release; or use inbox_discard."


@receiver(signals.started)
def _started(sender: str, topics: Collection[str], group: str, kafka: str, **_: Any) -> None:
    message = "%s: reading %s as group %s from Kafka at %s. inbox_doctor checks each step."
    names = ", ".join(sorted(topics))
    _log(logging.INFO, "inbox.started", message, sender, names, group, kafka, consumer=sender, kafka=kafka)


@receiver(signals.stopped)
def _stopped(sender: str, handled: int, **_: Any) -> None:
    message = "%s: stopped after %d events."
    _log(logging.INFO, "inbox.stopped", message, sender, handled, consumer=sender, handled=handled)


@receiver(signals.dead_removed)
def _dead_removed(sender: str, processes: Collection[str], **_: Any) -> None:
    message = (
        "%s: removed dead processes of this host from the group, so that others get their partitions: %s."
    )
    names = sorted(processes)
    _log(
        logging.INFO,
        "inbox.dead_removed",
        message,
        *(sender, ", ".join(names)),
        consumer=sender,
        processes=names,
    )


@receiver(signals.batch_failed)
def _batch_failed(sender: str, error: BaseException, size: int, **_: Any) -> None:
    message = "%s: a transaction of %d events was rolled back; looking for the event at fault. %s: %s"
    words = (sender, size, type(error).__name__, _line(error))
    _log(logging.INFO, "inbox.batch_failed", message, *words, consumer=sender, size=size)


@receiver(signals.event_held)
def _event_held(sender: str, delivery: Delivery, **_: Any) -> None:
    fields = {"consumer": sender, **_event(delivery)}
    if not delivery.error:
        message = "%s: %s is held behind an event of its key."
        _log(logging.DEBUG, "inbox.held_behind", message, sender, _name(delivery), **fields)
        return
    others = "No other event" if delivery.key_hash is None else "Later events of its key wait; no other key"
    words = (sender, _name(delivery), _why(delivery.handler, delivery.error), delivery.attempts, others)
    _log(
        logging.ERROR,
        "inbox.hold_made",
        "%s: %s is held until a person releases or discards it. %s. Failed attempts: %d, the limit is "
        f"INBOX['ATTEMPTS']. %s is affected. {DECIDE}",
        *words,
        **fields,
        handler=delivery.handler,
        attempts=delivery.attempts,
    )


@receiver(signals.event_retried)
def _event_retried(sender: str, delivery: Delivery, seconds: float, outage: bool, **_: Any) -> None:
    _log(
        logging.DEBUG if outage else logging.WARNING,
        "inbox.retry_scheduled",
        "%s: %s failed; retrying in %.1f s. Its key waits, no other key is affected. %s",
        *(sender, _name(delivery), seconds, _why(delivery.handler, delivery.error)),
        consumer=sender,
        handler=delivery.handler,
        attempts=delivery.attempts,
        **_event(delivery),
    )


@receiver(signals.hold_kept)
def _hold_kept(
    sender: str,
    held: HeldEvent,
    handler: str,
    error: str,
    attempts: int,
    seconds: float | None,
    outage: bool,
    **_: Any,
) -> None:
    fields = {"consumer": sender, "event_id": held.event_id, "handler": handler, "attempts": attempts}
    fields |= {"topic": held.topic, "partition": held.partition, "offset": held.offset}
    where = f"{held.topic}/{held.partition} offset {held.offset}"
    name, why = f"{held} ({where})", _why(handler, error)
    if seconds is None:
        message = (
            "%s: %s is held until a person releases or discards it. %s. Failed attempts: %d, the limit is "
            f"INBOX['ATTEMPTS']. {DECIDE}"
        )
        _log(logging.ERROR, "inbox.hold_made", message, sender, name, why, attempts, **fields)
    else:
        message = "%s: %s failed again; retrying in %.1f s. Failed attempts that count: %d. %s"
        level = logging.DEBUG if outage else logging.INFO
        _log(level, "inbox.retry_scheduled", message, sender, name, seconds, attempts, why, **fields)


@receiver(signals.held_retried)
def _held_retried(sender: str, handled: int, failed: int, **_: Any) -> None:
    level = logging.INFO if handled else logging.DEBUG
    message = "%s: tried %d held events again. %d handled, %d failed and still held."
    counts = (handled + failed, handled, failed)
    _log(
        level,
        "inbox.hold_retried",
        message,
        sender,
        *counts,
        consumer=sender,
        handled=handled,
        failed=failed,
    )


@receiver(signals.deaths_suspected)
def _deaths_suspected(sender: str, deliveries: Collection[Delivery], **_: Any) -> None:
    message = (
        "%s: a process died while it handled these %d events. They are tried one by one; other keys are not "
        "affected."
    )
    count = len(deliveries)
    _log(logging.WARNING, "inbox.deaths_suspected", message, sender, count, consumer=sender, suspects=count)


@receiver(signals.type_unhandled)
def _type_unhandled(sender: str, event: Event, alike: str, **_: Any) -> None:
    meant = f" Did you mean {alike!r}, which has a handler?" if alike else ""
    _log(
        logging.WARNING,
        "inbox.type_unhandled",
        "%s: no handler takes events of type %r (the first is %s/%d offset %d); they are skipped.%s Write a "
        "handler, or name the type in IGNORE of INBOX['CONSUMERS'][%r].",
        *(sender, event.type, event.topic, event.partition, event.offset, meant, sender),
        consumer=sender,
        type=event.type,
        alike=alike,
    )


@receiver(signals.replay_skipped)
def _replay_skipped(sender: str, event: Event, **_: Any) -> None:
    message = (
        "%s: replay %s brings events that no handler takes (the first is %s at %s/%d offset %d); they are "
        "skipped as handled. Run it with --apply-replays, or give the handler replays=True."
    )
    where = (event.topic, event.partition, event.offset)
    words = (sender, _line(event.replay_id), event.type, *where)
    _log(
        logging.INFO,
        "inbox.replay_skipped",
        message,
        *words,
        consumer=sender,
        type=event.type,
        replay=event.replay_id,
    )


@receiver(signals.stalled)
def _stalled(sender: str, what: str, error: BaseException, **_: Any) -> None:
    message = "%s: %s is not available; retrying. Nothing is lost. %s: %s"
    words = (sender, what, type(error).__name__, _line(error))
    _log(logging.WARNING, "inbox.degraded", message, *words, consumer=sender, what=what)


@receiver(signals.recovered)
def _recovered(sender: str, what: str, seconds: float, **_: Any) -> None:
    message = "%s: %s is available again after %.1f s."
    words = (sender, what, seconds)
    _log(logging.INFO, "inbox.recovered", message, *words, consumer=sender, what=what, seconds=seconds)


@receiver(signals.topics_missing)
def _topics_missing(sender: str, topics: Collection[str], **_: Any) -> None:
    message = (
        "%s: these topics do not exist, or may not be read: %s. Other topics are read; nothing is lost. "
        "Create them, or grant the consumer Read and Describe on them."
    )
    names = sorted(topics)
    _log(
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
    _log(logging.INFO, "inbox.topics_found", message, *words, consumer=sender, topics=names, seconds=seconds)


@receiver(signals.topic_recreated)
def _topic_recreated(sender: str, topic: str, **_: Any) -> None:
    message = (
        "%s: topic %s was deleted and created again; reading it from its beginning. Events of the deleted "
        "topic that were not handled yet are lost."
    )
    _log(logging.WARNING, "inbox.topic_recreated", message, sender, topic, consumer=sender, topic=topic)


@receiver(signals.records_missed)
def _records_missed(sender: str, topic: str, partition: int, first: int, last: int, **_: Any) -> None:
    _log(
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
    _log(logging.WARNING, "inbox.offsets_went_back", message, sender, consumer=sender)


@receiver(signals.group_offset_ignored)
def _group_offset_ignored(
    sender: str, topic: str, partition: int, offset: int, group_offset: int, **_: Any
) -> None:
    _log(
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
    _log(
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
    _log(
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
    sender: str, topic: str, partition: int, offset: int, error: Exception, **_: Any
) -> None:
    _log(
        logging.ERROR,
        "inbox.partition_undecodable",
        "%s: the Kafka client cannot decode %s/%d offset %d; this partition waits. Other partitions are "
        "read; nothing is lost. Correct the producer, stop the consumers and move past the batch: "
        "manage.py inbox_seek %s --topic %s --partition %d --to-offset N. %s",
        *(sender, topic, partition, offset, sender, topic, partition, _line(error)),
        **_partition(sender, topic, partition),
        offset=offset,
    )


@receiver(signals.partition_decodable)
def _partition_decodable(sender: str, topic: str, partition: int, seconds: float, **_: Any) -> None:
    _log(
        logging.INFO,
        "inbox.partition_decodable",
        "%s: %s/%d is readable again after %.1f s.",
        *(sender, topic, partition, seconds),
        **_partition(sender, topic, partition),
        seconds=seconds,
    )


def _log(level: int, action: str, message: str, *arguments: object, **fields: object) -> None:
    logger.log(level, message, *arguments, extra={"action": action, **fields})


def _event(delivery: Delivery) -> dict[str, Any]:
    """Which event it is, where it is in Kafka, and the trace it belongs to."""
    record, event = delivery.record, delivery.event
    return {
        "event_id": delivery.identity.event_id,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "trace_id": "" if event is None else trace_id(event.headers),
    }


def _partition(consumer: str, topic: str, partition: int) -> dict[str, Any]:
    return {"consumer": consumer, "topic": topic, "partition": partition}


def _name(delivery: Delivery) -> str:
    type_ = "unreadable record" if delivery.event is None else delivery.event.type
    return f"{type_} {delivery.identity.event_id} ({delivery.record})"


def _why(handler: str, error: str) -> str:
    said = _line(error).rstrip(".")
    return f"{handler}: {said}" if handler else said


def _line(error: object) -> str:
    return without_rows(str(error))
