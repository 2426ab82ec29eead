"""What must be in Kafka, read from the log before the ends of Kafka are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from outbox.conf import settings as outbox_settings
from outbox.models import EventStatus
from outbox_core.wire.encode import wire_time
from relay.audit.claims import NO_ID, Claim
from relay.audit.findings import Findings
from relay.audit.ids import IdSet
from relay.audit.kafka import CLOCKS, KafkaLog
from relay.audit.log import Entry, Log
from relay.audit.scope import Scope
from relay.errors import AuditStopped

SKEW = timedelta(seconds=1)
"""The most by which the times of events may be out of the order of their ids."""
TOO_MANY = "There are more than about a billion events. Choose a range with --since and --until."


class Expected:
    """The published events of a range that both sides still have. ``sources`` are those of this outbox,
    ``topics`` those of all events of the range.
    """

    def __init__(self, log: Log, kafka: KafkaLog, scope: Scope, findings: Findings) -> None:
        self.ids = IdSet()
        self.sources = {outbox_settings().source}
        self.topics: set[str] = set()
        self.since, self._until = scope.since, scope.until
        self._first, self._end, self._topics = scope.first, scope.end, scope.topics
        self._log = log
        self._kafka = kafka
        self._findings = findings
        self._horizon: Entry | None = None

    def extent(self) -> tuple[int, int]:
        """Behind which id to begin, and the last id. What is older than the first published event was deleted
        from the outbox.
        """
        self.look_again()
        if self._horizon is not None and self._horizon.created_at > self._first:
            self._first = self._horizon.created_at
            self.since = datetime.fromisoformat(self._first)
        return self._log.extent(self.since and self.since - CLOCKS, self._until and self._until + CLOCKS)

    def read(self, after: int, last: int) -> Iterator[int]:
        """Read the log from an id to another one. Yields the last id of each page."""
        for page in self._log.pages(after):
            for entry in page:
                self.note(entry)
            if self.ids.is_full:
                raise AuditStopped(TOO_MANY)
            yield min(page[-1].id, last)
            if page[-1].id >= last:
                return

    def note(self, entry: Entry) -> None:
        """Note an event of the log: Kafka must have it, or it waits, or it is not compared."""
        self.sources.add(entry.source or outbox_settings().source)
        if not self.has_time(entry.created_at) or (self._topics and entry.topic not in self._topics):
            return
        self.topics.add(entry.topic)
        if entry.status != EventStatus.PUBLISHED:
            self._findings.waiting[entry.status] += 1
            return
        kept = self._kafka.kept(entry.topic)
        if entry.created_at < kept.since:
            self._findings.outside[f"of {entry.topic} ({kept.why})"] += 1
            return
        self.ids.add(entry.id)
        self._findings.expect(entry.topic, entry.created_at)

    def has_time(self, created_at: str) -> bool:
        """Whether an event of this time is in the range."""
        return self._first <= created_at < self._end

    def look_again(self) -> None:
        """Read again up to where retention has deleted events."""
        self._horizon = self._log.horizon()

    def was_deleted(self, found: Claim) -> bool:
        """Whether retention had deleted the row of an event, when last looked at."""
        first = self._horizon
        if first is None or found.time < first.created_at:
            return True
        later = wire_time(datetime.fromisoformat(first.created_at) + SKEW)
        return NO_ID < found.id < first.id and found.time < later
