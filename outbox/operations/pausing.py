"""Pausing and resuming a topic, in the admin and by command. The relays act when they see the change.

``who`` goes into the ledger. The default is the user of the process.
"""

from __future__ import annotations

from difflib import get_close_matches

from outbox.errors import OutboxError
from outbox.models import Hold, Ledger
from outbox.operations import registered
from outbox_core.operations import actor
from outbox_core.operations.ledger import OpenEntry
from outbox_core.people.humanize import plural

COUNT_UP_TO = 10_000


def pause(
    topic: str, using: str, detail: str = "", *, who: str | None = None, any_topic: bool = False
) -> str:
    """Hold the events of a topic until ``resume``. Returns a sentence that says what was done. Call it in a
    transaction.

    A topic that no registered event type has is probably a typing error. It is refused unless ``any_topic``.
    """
    _refuse_unknown(topic, any_topic=any_topic)
    holds = Hold.objects.using(using).filter(scope=Hold.Scope.TOPIC, topic=topic)
    before = holds.select_for_update(no_key=True).with_due().first()
    if before is not None and before.reason == Hold.Reason.PAUSED and not before.due:
        return f"Topic {topic} is paused already, since {before.created_at:%Y-%m-%d %H:%M:%S %Z}."
    Hold.objects.using(using).pause(topic, detail)
    state = "published" if before is None else f"held: {before.reason}"
    _record(using, who, Ledger.Verb.PAUSE, topic, reason=detail, before=state)
    return f"Paused topic {topic}: its events are held, in order, until it is resumed."


def resume(topic: str, using: str, *, who: str | None = None) -> str:
    """End the pause of a topic: the events that waited are published in order. Call it in a transaction."""
    pauses = Hold.objects.using(using).pauses()
    hold = pauses.filter(topic=topic).select_for_update(no_key=True).with_due().first()
    if hold is None:
        paused = ", ".join(pauses.order_by("topic").values_list("topic", flat=True)[:20])
        raise OutboxError(f"Topic {topic!r} is not paused. Paused: {paused or 'none'}.")
    if hold.due:
        return f"{hold} is being resumed already."
    hold.release()
    _record(using, who, Ledger.Verb.RESUME, topic, before=f"paused: {hold.detail}".rstrip(": "))
    waiting = hold.held.waiting()[: COUNT_UP_TO + 1].count()
    events = plural(min(waiting, COUNT_UP_TO), "event", capped=waiting > COUNT_UP_TO)
    return f"{hold} resumed: the relays publish {events} in order."


def _refuse_unknown(topic: str, *, any_topic: bool) -> None:
    known = registered.topics()
    if topic not in known and not any_topic:
        close = get_close_matches(topic, known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known) or 'none'}."
        raise OutboxError(f"No event type is registered for topic {topic!r}. {hint}")


def _record(using: str, who: str | None, verb: str, topic: str, **values: str) -> None:
    selection = {"topic": topic}
    entry = OpenEntry(
        Ledger,
        using,
        who=who or actor.shell(),
        verb=verb,
        scope=f"topic {topic}",
        selection=selection,
        **values,
    )
    entry.add(1, last=True)
