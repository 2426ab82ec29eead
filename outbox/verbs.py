"""What an operator can do, in the admin and by command. The relays act when they see the change.

Each returns deeds, an object with a sentence that tells what was done to it, and raises OutboxError where it
makes no sense. To be called in a transaction.
"""

from __future__ import annotations

from difflib import get_close_matches

from django.db.models import Model

from outbox import topics
from outbox.errors import OutboxError
from outbox.models import Held, Hold
from outbox.models.hold_queries import HoldQuerySet
from outbox.words import plural

Deed = tuple[Model, str]
COUNT_UP_TO = 10_000


def release(holds: HoldQuerySet) -> list[Deed]:
    """Publish what waits behind each hold, in order, and lift it."""
    return [(hold, _release(hold)) for hold in _locked(holds)]


def resume(topic: str, using: str) -> Deed:
    """End the pause of a topic: what waited is published in order, and then it goes on."""
    pauses = Hold.objects.using(using).pauses()
    hold = _locked(pauses.filter(topic=topic)).first()
    if hold is None:
        paused = ", ".join(pauses.order_by("topic").values_list("topic", flat=True)[:20])
        raise OutboxError(f"Topic {topic!r} is not paused. Paused: {paused or 'none'}.")
    return hold, _release(hold, resume=True)


def pause(topic: str, using: str, detail: str = "", *, any_topic: bool = False) -> Deed:
    """Set the events of a topic aside until ``resume``.

    A topic of no registered event type, a slip of the pen most likely, is refused unless ``any_topic``.
    """
    known = topics.registered()
    if topic not in known and not any_topic:
        close = get_close_matches(topic, known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known) or 'none'}."
        raise OutboxError(f"No event type is registered for topic {topic!r}. {hint}")
    before = _locked(Hold.objects.using(using).pauses().filter(topic=topic)).first()
    if before is not None and not before.due:
        return before, f"Topic {topic} is paused already, since {before.created_at:%Y-%m-%d %H:%M:%S %Z}."
    hold = Hold.objects.using(using).pause(topic, detail)
    return hold, f"Paused topic {topic}: its events are set aside, in order, until it is resumed."


def discard(held: Held, reason: str) -> Deed:
    """Give a held event up: it is never published."""
    if not reason.strip():
        raise OutboxError("Discarding an event needs a reason, for those who will look for it later.")
    held.discard(reason.strip())
    event, left = held.event, held.hold.held.waiting().count() if held.hold else 0
    rest = f" {plural(left, 'event')} more behind {held.hold}." if left else ""
    return event, f"Discarded event {event.event_id} ({event.type}), reason: {held.discard_reason}.{rest}"


def _locked(holds: HoldQuerySet) -> HoldQuerySet:
    return holds.select_for_update(no_key=True).with_waiting(COUNT_UP_TO + 1).with_due().order_by("pk")


def _release(hold: Hold, *, resume: bool = False) -> str:
    if hold.reason == Hold.Reason.PAUSED and not resume:
        raise OutboxError(f"{hold} ends when the topic is resumed (outbox_resume {hold.topic}).")
    verb = "resumed" if resume else "released"
    if hold.due:
        return f"{hold} is being {verb} already."
    hold.release()
    waiting = plural(min(hold.waiting, COUNT_UP_TO), "event", capped=hold.waiting > COUNT_UP_TO)
    return f"{hold} {verb}: {waiting} to be published, in order, by the relays."
