"""Handling: what failed, is held, or has no handler."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.dispatch import receiver

from inbox import signals
from inbox.handling.routing import Delivery
from inbox.log_lines.line import log
from inbox.models import HeldEvent
from outbox_core.people.failure import describe, without_rows
from outbox_core.wire.event import Event
from outbox_core.wire.trace import trace_id

DECIDE = "Correct the handler or the data, then use inbox_release; or use inbox_discard."


@receiver(signals.batch_failed)
def _batch_failed(sender: str, error: BaseException, size: int, **_: Any) -> None:
    message = "%s: a transaction of %d events was rolled back; looking for the event at fault. %s"
    words = (sender, size, describe(error))
    log(logging.INFO, "inbox.batch_failed", message, *words, consumer=sender, size=size)


@receiver(signals.on_commit_failed)
def _on_commit_failed(sender: str, function: str, error: BaseException, **_: Any) -> None:
    message = (
        "%s: %s, a function of transaction.on_commit(), failed after the commit. The events are handled; it "
        "is not called again. %s"
    )
    words = (sender, function, describe(error))
    log(logging.ERROR, "inbox.on_commit_failed", message, *words, consumer=sender, function=function)


@receiver(signals.event_held)
def _event_held(sender: str, delivery: Delivery, **_: Any) -> None:
    fields = {"consumer": sender, **_event(delivery)}
    if not delivery.error:
        message = "%s: %s is held behind an event of its key."
        log(logging.DEBUG, "inbox.held_behind", message, sender, _name(delivery), **fields)
        return
    others = "No other event" if delivery.key_hash is None else "Later events of its key wait; no other key"
    words = (sender, _name(delivery), _why(delivery.handler, delivery.error), delivery.attempts, others)
    log(
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
    log(
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
        log(logging.ERROR, "inbox.hold_made", message, sender, name, why, attempts, **fields)
    else:
        message = "%s: %s failed again; retrying in %.1f s. Failed attempts that count: %d. %s"
        level = logging.DEBUG if outage else logging.INFO
        log(level, "inbox.retry_scheduled", message, sender, name, seconds, attempts, why, **fields)


@receiver(signals.held_retried)
def _held_retried(sender: str, handled: int, failed: int, **_: Any) -> None:
    level = logging.INFO if handled else logging.DEBUG
    message = "%s: tried %d held events again. %d handled, %d failed and still held."
    counts = (handled + failed, handled, failed)
    log(
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
    log(logging.WARNING, "inbox.deaths_suspected", message, sender, count, consumer=sender, suspects=count)


@receiver(signals.type_unhandled)
def _type_unhandled(sender: str, event: Event, alike: str, **_: Any) -> None:
    meant = f" Did you mean {alike!r}, which has a handler?" if alike else ""
    log(
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
    words = (sender, without_rows(event.replay_id), event.type, *where)
    log(
        logging.INFO,
        "inbox.replay_skipped",
        message,
        *words,
        consumer=sender,
        type=event.type,
        replay=event.replay_id,
    )


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


def _name(delivery: Delivery) -> str:
    type_ = "unreadable record" if delivery.event is None else delivery.event.type
    return f"{type_} {delivery.identity.event_id} ({delivery.record})"


def _why(handler: str, error: str) -> str:
    reason = without_rows(error).rstrip(".")
    return f"{handler}: {reason}" if handler else reason
