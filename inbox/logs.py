"""Log lines: receivers of the inbox's signals. Each record carries a stable ``action``."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.dispatch import receiver

from inbox import signals
from inbox.delivery import Delivery
from inbox.envelope import Event
from inbox.models import Parked
from outbox_core.people.failure import without_rows
from outbox_core.people.logs import guard

log = logging.getLogger("inbox")
guard(log)


def _say(level: int, action: str, message: str, *arguments: object) -> None:
    log.log(level, message, *arguments, extra={"action": f"inbox.{action}"})


@receiver(signals.started)
def _started(sender: str, topics: Collection[str], group: str, **_: Any) -> None:
    _say(logging.INFO, "started", "%s reads %s as group %s", sender, ", ".join(sorted(topics)), group)


@receiver(signals.stopped)
def _stopped(sender: str, handled: int, **_: Any) -> None:
    _say(logging.INFO, "stopped", "%s stopped after %d events", sender, handled)


@receiver(signals.batch_failed)
def _batch_failed(sender: str, error: BaseException, size: int, **_: Any) -> None:
    _say(
        logging.INFO,
        "batch_failed",
        "%s: a transaction of %d events was rolled back; looking for the event at fault: %s: %s",
        *(sender, size, type(error).__name__, _line(error)),
    )


@receiver(signals.event_parked)
def _event_parked(sender: str, delivery: Delivery, **_: Any) -> None:
    if delivery.error:
        message = "%s: %s is held until somebody requeues or discards it (%s)%s. %s"
        behind = "" if delivery.lane is None else "; later events of its key wait behind it"
        attempts = f"{delivery.attempts} failures count against it, INBOX['ATTEMPTS']"
        words = (sender, _name(delivery), attempts, behind, _why(delivery.handler, delivery.error))
        _say(logging.ERROR, "parked", message, *words)
    else:
        _say(logging.WARNING, "parked", "%s: %s waits behind its key", sender, _name(delivery))


@receiver(signals.event_retried)
def _event_retried(sender: str, delivery: Delivery, seconds: float, outage: bool, **_: Any) -> None:
    level = logging.DEBUG if outage else logging.WARNING
    message = "%s: %s failed and is tried again in %.1f s; its key waits, all other keys do not. %s"
    why = _why(delivery.handler, delivery.error)
    _say(level, "retried", message, sender, _name(delivery), seconds, why)


@receiver(signals.event_left)
def _event_left(
    sender: str,
    parked: Parked,
    handler: str,
    error: str,
    attempts: int,
    seconds: float | None,
    outage: bool,
    **_: Any,
) -> None:
    name, why = f"{parked} ({parked.as_record()})", _why(handler, error)
    if seconds is None:
        message = "%s: %s is held until somebody requeues or discards it (%s). %s"
        count = f"{attempts} failures count against it, INBOX['ATTEMPTS']"
        _say(logging.ERROR, "parked", message, sender, name, count, why)
    else:
        message = "%s: %s failed again and is tried again in %.1f s (%d failures count against it). %s"
        level = logging.DEBUG if outage else logging.INFO
        _say(level, "retried", message, sender, name, seconds, attempts, why)


@receiver(signals.deaths_suspected)
def _deaths_suspected(sender: str, deliveries: Collection[Delivery], **_: Any) -> None:
    message = (
        "%s: a process died with %d events in hand; they are tried one by one, and other keys do not wait"
    )
    _say(logging.WARNING, "deaths_suspected", message, sender, len(deliveries))


@receiver(signals.type_unhandled)
def _type_unhandled(sender: str, event: Event, alike: str, **_: Any) -> None:
    meant = f", and its type is like {alike!r}, which one takes" if alike else ""
    message = (
        "%s: no handler takes events of type %r (the first is %s/%d offset %d); they are skipped%s. Write a "
        "handler, or name the type in IGNORE of INBOX['CONSUMERS'][%r]"
    )
    where = (event.topic, event.partition, event.offset)
    _say(logging.WARNING, "type_unhandled", message, sender, event.type, *where, meant, sender)


@receiver(signals.stalled)
def _stalled(sender: str, what: str, error: BaseException, **_: Any) -> None:
    message = "%s waits for %s and tries again until it is there; nothing is lost: %s: %s"
    _say(logging.WARNING, "stalled", message, sender, what, type(error).__name__, _line(error))


@receiver(signals.recovered)
def _recovered(sender: str, what: str, seconds: float, **_: Any) -> None:
    _say(logging.INFO, "recovered", "%s goes on: %s is there again after %.1f s", sender, what, seconds)


@receiver(signals.topics_missing)
def _topics_missing(sender: str, topics: Collection[str], **_: Any) -> None:
    message = (
        "%s waits for topics that do not exist, or that it may not read: %s; "
        "the others go on, and nothing is lost. Create them, or let it read them"
    )
    _say(logging.WARNING, "topics_missing", message, sender, ", ".join(sorted(topics)))


@receiver(signals.topics_found)
def _topics_found(sender: str, topics: Collection[str], seconds: float, **_: Any) -> None:
    message = "%s goes on: it reads %s, which it has missed for %.1f s"
    _say(logging.INFO, "topics_found", message, sender, ", ".join(sorted(topics)), seconds)


@receiver(signals.topic_made_anew)
def _topic_made_anew(sender: str, topic: str, **_: Any) -> None:
    message = (
        "%s reads %s from its beginning, as it was deleted and made anew; what of the old one was not yet "
        "handled is gone with it"
    )
    _say(logging.WARNING, "topic_made_anew", message, sender, topic)


@receiver(signals.records_missed)
def _records_missed(sender: str, topic: str, partition: int, first: int, last: int, **_: Any) -> None:
    message = (
        "%s has missed %s/%d offsets %d to %d, unless they were marks of transactions: Kafka had deleted "
        "them before they were read, and it goes on behind them. Give the topic a longer retention.ms"
    )
    _say(logging.ERROR, "records_missed", message, sender, topic, partition, first, last)


@receiver(signals.offsets_went_back)
def _went_back(sender: str, **_: Any) -> None:
    message = (
        "%s: the database went back in time: it was restored, or a standby was promoted that was behind. "
        "Reading again from the offsets that it has; events that are still handled there are skipped"
    )
    _say(logging.WARNING, "offsets_went_back", message, sender)


@receiver(signals.group_offset_ignored)
def _group_ignored(sender: str, topic: str, partition: int, offset: int, group_offset: int, **_: Any) -> None:
    message = (
        "%s: Kafka has offset %d for %s/%d, the database has %d, and the lower one counts. The database was "
        "restored, or somebody moved the group with another tool. To skip events, use: manage.py inbox_seek "
        "%s --topic %s --partition %d --to-offset %d"
    )
    numbers = (group_offset, topic, partition, offset, sender, topic, partition, group_offset)
    _say(logging.WARNING, "group_offset_ignored", message, sender, *numbers)


@receiver(signals.cluster_changed)
def _cluster_changed(sender: str, topic: str, before: str, now: str, **_: Any) -> None:
    message = (
        "%s: the offsets of %s in the database are of Kafka cluster %s; this is %s. The group's offsets here "
        "count, or else the beginning; events that are handled already are skipped"
    )
    _say(logging.WARNING, "cluster_changed", message, sender, topic, before, now)


@receiver(signals.offsets_sought)
def _sought(
    sender: str, topic: str, partition: int, before: int | None, offset: int, reason: str, by: str, **_: Any
) -> None:
    words = (sender, topic, partition, "the beginning" if before is None else before, offset, by, reason)
    _say(logging.WARNING, "seek", "%s: %s/%d moved from %s to %d by %s: %s", *words)


@receiver(signals.partition_unreadable)
def _unreadable(sender: str, topic: str, partition: int, offset: int, error: Exception, **_: Any) -> None:
    message = (
        "%s stands still at %s/%d offset %d, which its client cannot decode; other partitions go on, and "
        "nothing is lost. Correct the producer, stop the consumers and move past the batch: "
        "manage.py inbox_seek %s --topic %s --partition %d --to-offset N: %s"
    )
    seek = (sender, topic, partition)
    _say(logging.ERROR, "unreadable", message, sender, topic, partition, offset, *seek, _line(error))


@receiver(signals.partition_readable)
def _readable(sender: str, topic: str, partition: int, seconds: float, **_: Any) -> None:
    message = "%s goes on: %s/%d can be read again after %.1f s"
    _say(logging.INFO, "readable", message, sender, topic, partition, seconds)


@receiver(signals.requeued)
def _requeued(sender: str, handled: int, failed: int, **_: Any) -> None:
    level = logging.INFO if handled else logging.DEBUG
    message = "%s tried %d held events again: %d handled, %d failed again and still held"
    _say(level, "requeued", message, sender, handled + failed, handled, failed)


def _name(delivery: Delivery) -> str:
    type_ = "unreadable record" if delivery.event is None else delivery.event.type
    return f"{type_} {delivery.identity.event_id} ({delivery.record})"


def _why(handler: str, error: str) -> str:
    return f"{handler}: {_line(error)}" if handler else _line(error)


def _line(error: object) -> str:
    return without_rows(str(error))
