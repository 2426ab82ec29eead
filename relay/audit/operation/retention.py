"""What Kafka does not keep of some topics, for the preview of an audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured

from outbox.operations.auditing import Deleted
from outbox_core.errors import KafkaUnreachable
from outbox_core.people.text import line
from relay.audit.kafka import KafkaLog, open_reader
from relay.audit.scope import NOTHING

ASK_SECONDS = 2.0
"""How long each question to Kafka may take."""
LATE = "Kafka did not answer in time"


def deleted(
    topics: Collection[str], seconds: float, clock: Callable[[], float] = time.monotonic
) -> list[Deleted]:
    """Ask for each topic, for about so many seconds."""
    deadline = clock() + seconds
    try:
        with closing(KafkaLog(open_reader(ASK_SECONDS))) as kafka:
            return list(_each(kafka, sorted(topics), lambda: clock() < deadline))
    except (KafkaUnreachable, ImproperlyConfigured) as error:
        return [Deleted(topic=topic, trouble=line(error)) for topic in sorted(topics)]


def _each(kafka: KafkaLog, topics: list[str], has_time: Callable[[], bool]) -> Iterator[Deleted]:
    for topic in topics:
        if not has_time():
            yield Deleted(topic=topic, trouble=LATE)
            continue
        kept = kafka.kept(topic)
        if kept.why:
            before = None if kept.since == NOTHING else datetime.fromisoformat(kept.since)
            yield Deleted(topic=topic, before=before, why=kept.why)
