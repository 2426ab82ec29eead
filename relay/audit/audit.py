"""The audit: read the log for what must be in Kafka, then Kafka, and compare each record with its row.

Memory is bounded: two bits for each event, a page, a batch of records, and a table of fixed size for order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from outbox.operations.registered import topics as registered
from outbox_core.operations.doctor.probe_record import TYPE as TEST_TYPE
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.encode import Row
from relay.audit.checker import Checker
from relay.audit.claims import Claim, claim
from relay.audit.expected import Expected
from relay.audit.findings import Difference, Findings, Wrong
from relay.audit.kafka import KafkaLog, Spans
from relay.audit.log import Log
from relay.audit.order import Slots, Suspects
from relay.audit.scope import Scope
from relay.errors import AuditStopped

BATCH_RECORDS, BATCH_BYTES = 1_000, 4_000_000
FEW = 100
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
        self.findings = Findings()
        self._expected = Expected(log, kafka, scope, self.findings)
        self._checker = Checker(log, self._expected, self.findings)

    def run(self) -> Findings:
        """Compare everything. If it has to stop, the findings say why."""
        self._log.prove()
        try:
            self._read_log()
            for topic in sorted(self._topics or {*registered(), *self.findings.published}):
                if self._kafka.exists(topic):
                    self._read_topic(topic)
            self._find_missing()
        except AuditStopped as error:
            self.findings.stopped = str(error)
        return self.findings

    def _read_log(self) -> None:
        at, last = self._expected.extent()
        bar = self._bars("outbox", last - at)
        for upto in self._expected.read(at, last):
            bar.update(upto - at)
            at = upto
            self._go_on()
        bar.close()

    def _read_topic(self, topic: str) -> None:
        spans = self._kafka.spans(topic, self._expected.since)
        slots = Slots(spans)
        for batch in self._claims(topic, spans):
            self._checker.check(batch, slots)
        if slots.suspicious:
            self._look_into(topic, spans, slots)

    def _claims(self, topic: str, spans: Spans) -> Iterator[list[Claim]]:
        """Our records of a topic, in batches that a query can take. All others are counted."""
        batch: list[Claim] = []
        size = 0
        for records in self._records(topic, topic, spans):
            self.findings.records += len(records)
            for found in filter(None, map(self._ours, records)):
                batch.append(found)
                size += len(found.record.value or b"")
                if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
        yield batch

    def _ours(self, record: ConsumerRecord) -> Claim | None:
        found = claim(record)
        if found is None or found.source not in self._expected.sources:
            self.findings.others += 1
        elif found.type == TEST_TYPE:
            self.findings.tests += 1
        elif self._expected.has_time(found.time):
            return found
        return None

    def _records(self, topic: str, what: str, spans: Spans) -> Iterator[list[ConsumerRecord]]:
        bar = self._bars(what, sum(end - first for first, end in spans.values()))
        for records in self._kafka.records(topic, spans):
            self._go_on()
            bar.update(len(records))
            yield records
        bar.close()

    def _look_into(self, topic: str, spans: Spans, slots: Slots) -> None:
        """Read a topic once more, for the keys that may be out of order."""
        suspects, seen = Suspects(slots), self._checker.seen
        for records in self._records(topic, f"{topic}, order", spans):
            claims = filter(None, map(claim, records))
            first = (each for each in claims if each.id in seen and not each.replay)
            ours = (each for each in first if each.source in self._expected.sources)
            self._checker.judge_order(
                [
                    (pair, each)
                    for each in ours
                    for pair in suspects.note(each.record.partition, each.key, each.id)
                ]
            )
            if suspects.is_full:
                raise AuditStopped(TOO_MIXED.format(topic=topic))

    def _find_missing(self) -> None:
        self._kafka.forget()  # it may have deleted more meanwhile
        missing = self._expected.ids.without(self._checker.seen)
        while ids := list(islice(missing, FEW)):
            self._go_on()
            for row in self._log.rows(ids).values():
                kept = self._kafka.kept(row.topic)
                if row.created_at < kept.since:
                    self.findings.published[row.topic] -= 1
                    self.findings.outside[f"of {row.topic} ({kept.why})"] += 1
                else:
                    self._add_missing(row)

    def _add_missing(self, row: Row) -> None:
        there = self._kafka.exists(row.topic)
        self.findings.add(
            Difference(
                wrong=Wrong.MISSING,
                event_id=row.event_id,
                topic=row.topic,
                key=row.key,
                where=f"#{row.id} of {row.created_at}",
                detail="published, and not in Kafka" if there else "its topic does not exist",
            )
        )

    def _go_on(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise AuditStopped(f"It was not finished within {self._seconds:g} s.")
