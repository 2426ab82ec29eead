"""The process of a consumer: its start and end, and what it waits for."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.dispatch import receiver

from inbox import signals
from inbox.log_lines.line import log
from outbox_core.people.failure import describe


@receiver(signals.started)
def _started(sender: str, topics: Collection[str], group: str, kafka: str, **_: Any) -> None:
    message = "%s: reading %s as group %s from Kafka at %s. inbox_doctor checks each step."
    names = ", ".join(sorted(topics))
    log(logging.INFO, "inbox.started", message, sender, names, group, kafka, consumer=sender, kafka=kafka)


@receiver(signals.stopped)
def _stopped(sender: str, handled: int, **_: Any) -> None:
    message = "%s: stopped after %d events."
    log(logging.INFO, "inbox.stopped", message, sender, handled, consumer=sender, handled=handled)


@receiver(signals.dead_removed)
def _dead_removed(sender: str, processes: Collection[str], **_: Any) -> None:
    message = (
        "%s: removed dead processes of this host from the group, so that others get their partitions: %s."
    )
    names = sorted(processes)
    log(
        logging.INFO,
        "inbox.dead_removed",
        message,
        *(sender, ", ".join(names)),
        consumer=sender,
        processes=names,
    )


@receiver(signals.stalled)
def _stalled(sender: str, what: str, error: BaseException, **_: Any) -> None:
    message = "%s: %s is not available; retrying. Nothing is lost. %s"
    words = (sender, what, describe(error))
    log(logging.WARNING, "inbox.degraded", message, *words, consumer=sender, what=what)


@receiver(signals.reason_changed)
def _reason_changed(sender: str, what: str, error: BaseException, seconds: float, **_: Any) -> None:
    message = "%s: after %.0f s %s is not available for another reason; retrying. Nothing is lost. %s"
    words = (sender, seconds, what, describe(error))
    log(
        logging.WARNING,
        "inbox.reason_changed",
        message,
        *words,
        consumer=sender,
        what=what,
        seconds=seconds,
    )


@receiver(signals.recovered)
def _recovered(sender: str, what: str, seconds: float, **_: Any) -> None:
    message = "%s: %s is available again after %.1f s."
    words = (sender, what, seconds)
    log(logging.INFO, "inbox.recovered", message, *words, consumer=sender, what=what, seconds=seconds)


@receiver(signals.blocked)
def _blocked(sender: str, reason: str, **_: Any) -> None:
    message = "%s: PostgreSQL: %s. Nothing is lost; the consumer continues when the statement ends."
    log(logging.WARNING, "inbox.blocked", message, sender, reason, consumer=sender)


@receiver(signals.unblocked)
def _unblocked(sender: str, seconds: float, **_: Any) -> None:
    message = "%s: no statement waits any more, after %.1f s."
    log(logging.INFO, "inbox.unblocked", message, sender, seconds, consumer=sender, seconds=seconds)


@receiver(signals.paused)
def _paused(sender: str, topics: Collection[str], **_: Any) -> None:
    message = "%s: paused by a person: %s. The events wait in Kafka until inbox_resume."
    names = ", ".join(topics)
    log(logging.WARNING, "inbox.paused", message, sender, names, consumer=sender, topics=[*topics])


@receiver(signals.resumed)
def _resumed(sender: str, topics: Collection[str], **_: Any) -> None:
    message = "%s: resumed: %s."
    names = ", ".join(topics)
    log(logging.INFO, "inbox.resumed", message, sender, names, consumer=sender, topics=[*topics])
