"""What an audit would compare, and what it cannot: counted before it begins, within the time of a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from outbox.errors import CodeMissing
from outbox.models import OutboxEvent
from outbox.operations.auditing import Deleted, auditor, events, shown_time
from outbox.operations.registered import topics as registered
from outbox_core.operations.bulk.requests import COUNT_UP_TO, Count, counted, in_time
from outbox_core.operations.bulk.verb import Order

KAFKA_SECONDS = 3.0
"""For about so long a preview waits for Kafka."""
IS_DELETED = """EXISTS (
    SELECT FROM unnest(%s::text[], %s::timestamptz[]) AS deleted (of_topic, before)
    WHERE of_topic = topic AND created_at < before)"""
"""A hash join: with a condition for each topic, each event would be compared with all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How many events lie in the range, and what of it cannot be compared, in sentences."""

    count: Count
    outside: Sequence[str]

    @property
    def words(self) -> str:
        """How many events, for people."""
        unknown = self.count.capped and not self.count.number
        return "very many events" if unknown else self.count.words("event")


def preview(order: Order, using: str) -> Preview:
    """Changes nothing. Waits for Kafka for some seconds at most."""
    outside = [*_older_than_the_outbox(order, using), *_deleted_by_kafka(order, using)]
    return Preview(count=count(order, using), outside=outside)


def count(order: Order, using: str) -> Count:
    """How many events lie in the range, as far as a request has time to count."""
    return counted(in_time(using, lambda: events(order, using).order_by()[: COUNT_UP_TO + 1].count()))


def _older_than_the_outbox(order: Order, using: str) -> Iterator[str]:
    oldest = OutboxEvent.objects.using(using).order_by("pk").values_list("created_at", flat=True).first()
    since = order.selection.since
    if oldest is not None and (since is None or since < oldest):
        yield f"Events created before {shown_time(oldest)}: the outbox has none."


def _deleted_by_kafka(order: Order, using: str) -> Iterator[str]:
    try:
        found = auditor().deleted(order.options["topics"] or registered(), KAFKA_SECONDS)
    except CodeMissing:
        yield "What Kafka has deleted is seen by the relay that compares."
        return
    lost = _not_compared(found, order, using)
    for each in found:
        yield from _deleted(each, lost.get(each.topic, Count(0, capped=False)))


def _deleted(each: Deleted, lost: Count) -> Iterator[str]:
    if each.trouble:
        yield f"Topic {each.topic}: what Kafka has deleted is not known. {each.trouble}."
    elif each.before is None:
        yield f"Topic {each.topic} is {each.why}: no event must be there. What is there is compared."
    elif lost.number or lost.capped:
        yield (
            f"Topic {each.topic}: Kafka has deleted records from before {shown_time(each.before)}, so "
            f"{lost.words('event')} cannot be compared."
        )


def _not_compared(found: Sequence[Deleted], order: Order, using: str) -> Mapping[str, Count]:
    """How many events of the range Kafka has deleted, by topic, as far as a request has time to count."""
    since = order.selection.since
    before = {
        each.topic: each.before
        for each in found
        if each.before is not None and not each.trouble and (since is None or since < each.before)
    }
    counts = in_time(using, lambda: _by_topic(before, order, using)) if before else Counter[str]()
    capped = counts is None or counts.total() > COUNT_UP_TO
    return {topic: Count(counts[topic] if counts else 0, capped=capped) for topic in before}


def _by_topic(before: Mapping[str, datetime], order: Order, using: str) -> Counter[str]:
    """How many events were created before the moment of their topic; of all topics in one statement, because
    ``created_at`` has no index and each statement reads them all.
    """
    until, latest = order.selection.until, max(before.values())
    early = replace(order.selection, until=latest if until is None else min(until, latest))
    is_deleted = RawSQL(IS_DELETED, [list(before.keys()), list(before.values())], BooleanField())
    rows = events(replace(order, selection=early), using).filter(is_deleted).order_by()
    return Counter(rows.values_list("topic", flat=True)[: COUNT_UP_TO + 1])
