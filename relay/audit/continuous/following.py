"""What is new on both sides since the last cycle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from outbox.models import EventStatus
from outbox.operations.registered import topics as registered
from outbox_core.wire.encode import wire_time
from relay.audit.compared import Compared
from relay.audit.continuous.offsets import Offsets
from relay.audit.continuous.rows import MOST_PAGES, Rows
from relay.audit.ids import BITS, IdSet
from relay.audit.kafka import CLOCKS, KafkaLog
from relay.audit.log import Entry, Log
from relay.audit.scope import Scope

OLDER_PAGES = 4
"""How many pages of ids that were there before are looked at in each cycle: about three seconds."""
DECIDED = (EventStatus.PUBLISHED, EventStatus.DISCARDED)


class Following:
    """Follows what is published. What was proved before ``proved`` is believed, until a whole audit reads it
    again; so is what was created before.
    """

    def __init__(self, log: Log, kafka: KafkaLog, since: datetime | None, proved: datetime) -> None:
        self._begin = proved - CLOCKS
        self.until: datetime | None = None
        self._log = log
        self._kafka = kafka
        self._both = Compared(log, kafka, Scope(since=since))
        self.findings = self._both.findings
        self._believed = wire_time(self._begin)
        self._known = IdSet()
        self._open: set[int] = set()
        self._older: list[int] = []
        self._xmin: int | None = None
        self._offsets = Offsets(kafka, self._begin, self.findings)
        self._rows = Rows(log, self._both, self._known)

    def cycle(self) -> Iterator[None]:
        """Compare what is new. At the end, ``until`` is the time at which it began."""
        now = self._log.moment()
        self._kafka.forget()
        yield from self._rows.steps()
        for page in sorted(self._open | self._some_older() | self._new_pages()):
            self._look(page)
            yield
        self._xmin = now.xmin
        for topic in sorted({*registered(), *self.findings.published}):
            yield from self._read(topic)
        for _ in self._both.find_missing():
            yield
        self._both.checker.seen.update(self._both.expected.ids)  # what is missing is found once
        self.until = now.at

    def _new_pages(self) -> set[int]:
        if self._xmin is not None:
            return self._log.new_pages(self._xmin)
        after, last = self._log.extent(self._begin)
        oldest, _ = self._log.extent(None)
        first, end = after >> BITS, (last >> BITS) + 1
        self._older = list(range(max(oldest >> BITS, end - MOST_PAGES), first))
        return set(range(first, end))

    def _some_older(self) -> set[int]:
        """A few pages of what is believed, so that their rows are looked at, too: the newest first."""
        return {self._older.pop() for _ in range(min(OLDER_PAGES, len(self._older)))}

    def _look(self, page: int) -> None:
        """Note the events of a page of ids that are not decided yet."""
        waits = False
        for entries in self._log.unknown(page, self._known.bits(page)):
            for entry in entries:
                if entry.status in DECIDED:
                    self._decide(entry)
                else:
                    waits = True
        (self._open.add if waits else self._open.discard)(page)

    def _decide(self, entry: Entry) -> None:
        self._known.add(entry.id)
        self._both.expected.note(entry)
        if entry.created_at < self._believed:
            self._both.checker.seen.add(entry.id)

    def _read(self, topic: str) -> Iterator[None]:
        spans = self._offsets.new(topic)
        unread = {number: span for number, span in spans.items() if span[0] < span[1]}
        if unread:
            for batch in self._both.claims(self._kafka.records(topic, unread)):
                self._both.checker.check(batch)
                yield
        if spans:
            self._offsets.read(topic, spans)
