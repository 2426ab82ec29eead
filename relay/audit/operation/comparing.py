"""An audit as an operation: topic by topic, so that whoever continues it begins again with a part, not with
everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from outbox.errors import OutboxError
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.step import Step
from outbox_core.operations.bulk.verb import Part
from outbox_core.operations.doctor.kafka import ASK_SECONDS
from outbox_core.people.text import line
from relay.audit import text
from relay.audit.audit import Audit, Bar, Silent, advance, require_sequence
from relay.audit.findings import Findings
from relay.audit.kafka import KafkaLog, open_reader
from relay.audit.log import Log
from relay.audit.scope import Scope

WORK_SECONDS = 0.5
AGAIN_SECONDS = 10.0
"""How long it waits for Kafka until it tries again."""
PARTS = 8
"""At most so many, because the log is read once for each."""


class Reading:
    """The audit of some topics, as far as it has come. With ``survey``, it only reads the log."""

    def __init__(self, row: BulkOperation, using: str, topics: list[str], *, survey: bool) -> None:
        require_sequence()
        chosen = row.order.selection
        scope = Scope(since=chosen.since, until=chosen.until, topics=frozenset(topics))
        self.at = ""
        self._kafka = KafkaLog(open_reader(ASK_SECONDS))
        self.audit = Audit(Log(using), self._kafka, scope, self._bar, None)
        self._steps: Iterator[None] = self.audit.survey() if survey else self.audit.steps()

    def advance(self, seconds: float) -> bool:
        """Compare for so many seconds. Returns whether it is complete."""
        ended = advance(self._steps, seconds)
        if self.audit.findings.stopped:
            raise OutboxError(self.audit.findings.stopped)
        return ended

    def close(self) -> None:
        with suppress(KafkaUnreachable):
            self._kafka.close()

    def _bar(self, what: str, total: int) -> Bar:
        self.at = "the outbox" if what == "outbox" else f"topic {what}"
        return Silent(what, total)


class Comparing:
    """What this process has in memory of audits that it has begun."""

    def __init__(self) -> None:
        self._readings: dict[tuple[str, int], Reading] = {}

    def work(self, row: BulkOperation, using: str) -> Part:
        try:
            return self._work(row, using)
        except KafkaUnreachable as error:
            self.forget(row, using)
            problem = f"Kafka cannot be read: {line(error, 300).rstrip('.')}."
            return _part(row, 0, {}, wait=AGAIN_SECONDS, problem=problem)

    def forget(self, row: BulkOperation, using: str) -> None:
        reading = self._readings.pop((using, row.pk), None)
        if reading is not None:
            reading.close()

    def _work(self, row: BulkOperation, using: str) -> Part:
        left = row.options["left"]
        reading = self._readings.get((using, row.pk))
        if reading is None:
            topics = row.options["topics"] if left is None else left[0]
            reading = self._readings[using, row.pk] = Reading(row, using, topics, survey=left is None)
        ended = reading.advance(WORK_SECONDS)
        if not ended:
            counted = 0 if left is None else reading.audit.seen
            return _part(row, counted, {"at": reading.at, "counted": counted})
        self.forget(row, using)
        return _surveyed(row, reading.audit) if left is None else _finished(row, left, reading.audit.findings)


def _surveyed(row: BulkOperation, audit: Audit) -> Part:
    """What is to be compared is known now."""
    published = audit.findings.published
    left = parts({topic: published[topic] for topic in audit.topics})
    planned = {"planned": published.total(), "planned_capped": False}
    return _part(row, 0, {"left": left}, planned=planned, last=not left)


def _finished(row: BulkOperation, left: list[list[str]], found: Findings) -> Part:
    """A part is complete: its findings are part of the result."""
    compared, before = found.published.total(), Findings.stored(row.options["findings"])
    different = before.differences.total()
    before.include(found)
    result = {
        "findings": before.for_storage(),
        "first": [each.words for each in before.first],
        "said": [*text.sentences(before)],
        "certain": before.total,
    }
    options = {**result, "left": left[1:], "counted": 0}
    events = before.differences.total() - different
    return _part(row, compared, options, events=events, last=not left[1:])


def _part(
    row: BulkOperation,
    compared: int,
    options: Mapping[str, Any],
    *,
    planned: Mapping[str, Any] | None = None,
    **step: Any,
) -> Part:
    """``compared`` is how many events of the part are compared. Those that somebody else has counted for the
    same part are taken back.
    """
    done = compared - row.options["counted"]
    values = {**(planned or {}), "options": {**row.options, "counted": 0, **options}}
    return Part(Step(done=done, after=row.after + bool(step.get("last")), **step), values)


def parts(topics: Mapping[str, int]) -> list[list[str]]:
    """Topics in parts with about as many events each. Pure."""
    found: list[list[str]] = [[] for _ in range(min(PARTS, len(topics)))]
    sizes = [0] * len(found)
    for topic in sorted(topics, key=lambda name: (-topics[name], name)):
        smallest = sizes.index(min(sizes))
        found[smallest].append(topic)
        sizes[smallest] += topics[topic] + 1
    return [sorted(each) for each in found]
