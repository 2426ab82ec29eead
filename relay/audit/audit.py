"""The audit: read the log for what must be in Kafka, then Kafka, and compare each record with its row.

Memory is bounded: two bits for each event, a page, a batch of records, and a table of fixed size for order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from django.core.exceptions import ImproperlyConfigured

from outbox.operations.registered import topics as registered
from outbox_core.wire.consumed import ConsumerRecord
from relay.audit.claims import claim
from relay.audit.compared import Compared
from relay.audit.findings import Findings
from relay.audit.kafka import KafkaLog, Spans
from relay.audit.log import Log
from relay.audit.order import Slots, Suspects
from relay.audit.scope import Scope
from relay.conf import settings
from relay.errors import AuditStopped

TOO_MIXED = (
    "Too many events of {topic} stand behind later ones to look into all. Choose a smaller range with "
    "--since and --until."
)


def require_sequence() -> None:
    """Raise ImproperlyConfigured if records have nothing by which an audit finds their events."""
    if "sequence" not in settings().extensions:
        raise ImproperlyConfigured(
            'RELAY["EXTENSIONS"] leaves out "sequence", by which an audit finds the event of a record. Add '
            "it; events that were sent without it cannot be audited."
        )


class Bar(Protocol):
    """A progress bar, as tqdm has it."""

    def update(self, n: int) -> object: ...

    def close(self) -> object: ...


Bars = Callable[[str, int], Bar]
"""Makes a bar for what is read, and how much there is."""


class Silent:
    """A progress bar that is not shown."""

    def __init__(self, what: str, total: int) -> None: ...

    def update(self, n: int) -> None: ...

    def close(self) -> None: ...


class Audit:
    """One audit. Raises KafkaUnreachable, LogUnsafe and errors of the database."""

    def __init__(self, log: Log, kafka: KafkaLog, scope: Scope, bars: Bars, seconds: float | None) -> None:
        self._log = log
        self._kafka = kafka
        self._topics = scope.topics
        self._bars = bars
        self._seconds = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._both = Compared(log, kafka, scope)
        self.findings = self._both.findings

    def run(self) -> Findings:
        """Compare everything. If it has to stop, the findings say why."""
        for _ in self.steps():
            if self._deadline is not None and time.monotonic() > self._deadline:
                self.findings.stopped = f"It was not finished within {self._seconds:g} s."
                break
        return self.findings

    def survey(self) -> Iterator[None]:
        """Only read the log, in small steps: what is to be compared, and of which topics."""
        self._log.prove()
        try:
            yield from self._read_log()
        except AuditStopped as error:
            self.findings.stopped = str(error)

    @property
    def topics(self) -> set[str]:
        """Those of the scope; without any, those of the events that were read and of declared ones."""
        return {*(self._topics or {*registered(), *self._both.expected.topics})}

    @property
    def seen(self) -> int:
        """How many events were found in Kafka so far."""
        seen = self._both.checker.seen
        return min(sum(map(seen.count, seen.pages)), self.findings.published.total())

    def steps(self) -> Iterator[None]:
        """The same in small steps, between which the caller may wait."""
        self._log.prove()
        try:
            yield from self._read_log()
            for topic in sorted(self._topics or {*registered(), *self.findings.published}):
                if self._kafka.exists(topic):
                    yield from self._read_topic(topic)
            for _ in self._both.find_missing():
                yield
        except AuditStopped as error:
            self.findings.stopped = str(error)

    def _read_log(self) -> Iterator[None]:
        expected = self._both.expected
        at, last = expected.extent()
        bar = self._bars("outbox", last - at)
        for upto in expected.read(at, last):
            bar.update(upto - at)
            at = upto
            yield
        bar.close()

    def _read_topic(self, topic: str) -> Iterator[None]:
        spans = self._kafka.spans(topic, self._both.expected.since)
        slots = Slots(spans)
        for batch in self._both.claims(self._records(topic, topic, spans)):
            self._both.checker.check(batch, slots.note)
            yield
        if slots.suspicious:
            yield from self._look_into(topic, spans, slots)

    def _records(self, topic: str, what: str, spans: Spans) -> Iterator[list[ConsumerRecord]]:
        bar = self._bars(what, sum(end - first for first, end in spans.values()))
        for records in self._kafka.records(topic, spans):
            bar.update(len(records))
            yield records
        bar.close()

    def _look_into(self, topic: str, spans: Spans, slots: Slots) -> Iterator[None]:
        """Read a topic once more, for the keys that may be out of order."""
        suspects, checker = Suspects(slots), self._both.checker
        for records in self._records(topic, f"{topic}, order", spans):
            claims = filter(None, map(claim, records))
            first = (each for each in claims if each.id in checker.seen and not each.replay)
            ours = (each for each in first if each.source in self._both.expected.sources)
            checker.judge_order(
                [
                    (pair, each)
                    for each in ours
                    for pair in suspects.note(each.record.partition, each.key, each.id)
                ]
            )
            if suspects.is_full:
                raise AuditStopped(TOO_MIXED.format(topic=topic))
            yield


def advance(steps: Iterator[None], seconds: float, clock: Callable[[], float] = time.monotonic) -> bool:
    """Take steps for ``seconds``, at least one. Returns whether it is complete."""
    until = clock() + seconds
    return all(clock() < until for _ in steps)
