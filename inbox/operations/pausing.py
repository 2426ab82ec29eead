"""Pausing and resuming a consumer or one of its topics, in the admin and by command. Its processes act within
seconds: they finish the batch in hand.
"""

from __future__ import annotations

from inbox.conf import settings
from inbox.errors import InboxError
from inbox.models import Ledger, Pause
from outbox_core.operations.ledger import OpenEntry
from outbox_core.suggestion import did_you_mean


def pause(consumer: str, topic: str, using: str, detail: str, who: str) -> str:
    """Pause it; an empty ``topic`` means all. Returns a sentence that says what was done. Call it in a
    transaction. Raises InboxError for a consumer or topic that INBOX does not name.
    """
    _refuse_unknown(consumer, topic)
    found, made = Pause.objects.using(using).get_or_create(
        consumer=consumer, topic=topic, defaults={"detail": detail, "who": who}
    )
    if not made:
        return f"{found} is paused already, since {found.since:%Y-%m-%d %H:%M:%S %Z} by {found.who}."
    _record(using, who, Ledger.Verb.PAUSE, found, reason=detail, before="running")
    return f"{found} is paused: its events wait in Kafka, in order, until it is resumed."


def resume(consumer: str, topic: str, using: str, who: str) -> str:
    """End a pause. Call it in a transaction. Raises InboxError if there is none."""
    pauses = Pause.objects.using(using).filter(consumer=consumer)
    found = pauses.filter(topic=topic).select_for_update().first()
    if found is None:
        paused = ", ".join(each.topic or "all topics" for each in pauses.order_by("topic"))
        what = f"Topic {topic!r} of consumer {consumer!r}" if topic else f"Consumer {consumer!r}"
        raise InboxError(f"{what} is not paused. Paused of it: {paused or 'nothing'}.")
    pauses.filter(pk=found.pk).delete()
    before = f"paused by {found.who}: {found.detail}".rstrip(": ")
    _record(using, who, Ledger.Verb.RESUME, found, before=before)
    return f"{found} is resumed: its events are handled in order."


def _refuse_unknown(consumer: str, topic: str) -> None:
    topics = settings().consumer(consumer).topics
    if topic and topic not in topics:
        hint = did_you_mean(topic, topics)
        raise InboxError(
            f"Consumer {consumer!r} does not read topic {topic!r}, but {', '.join(topics)}. {hint}".strip()
        )


def _record(using: str, who: str, verb: str, of: Pause, **values: str) -> None:
    selection = {"consumer": of.consumer, **({"topic": of.topic} if of.topic else {})}
    scope = f"consumer {of.consumer}" + (f", topic {of.topic}" if of.topic else "")
    entry = OpenEntry(Ledger, using, who=who, verb=verb, scope=scope, selection=selection, **values)
    entry.add(1, last=True)
