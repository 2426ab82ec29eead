"""The audit: read the log for what must be in Kafka, then Kafka, and compare each record with its row.

Memory is bounded: two bits for each event, a page, a batch of records, and a table of fixed size for order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from outbox.operations.registered import topics as registered
from outbox_core.wire.consumed import ConsumerRecord
from relay.audit.claims import claim
from relay.audit.compared import Compared
from relay.audit.findings import Findings
from relay.audit.kafka import KafkaLog, Spans
from relay.audit.log import Log
from relay.audit.order import Slots, Suspects
from relay.audit.scope import Scope
from relay.errors import AuditStopped

TOO_MIXED = (
    "Too many events of {topic} stand behind later ones to look into all. Choose a smaller range with "
    "--since and --until."
)


class Bar(Protocol):
    """A progress bar, as tqdm has it."""

    def update(self, n: int) -> object: ...

    def close(self) -> object: ...


Bars = Callable[[str, int], Bar]
"""Makes a bar for what is read, and how much there is."""


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
