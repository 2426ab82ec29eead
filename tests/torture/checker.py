"""What was committed against what Kafka holds, event by event. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.torture.kafka_log import Record
from tests.torture.ledger import Entry


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault, from when (seconds since 1970) it was caused until it was over; ``recovered`` is how many
    seconds later every shard published again, None if none of them did in time. ``replay`` bounds what may
    be sent again because of it; None: the database has forgotten where it was.
    """

    name: str
    began: float
    ended: float
    recovered: float | None
    replay: int | None = None


@dataclass(slots=True)
class Findings:
    """How committed and published events compare. Each list holds what is wrong, as words."""

    committed: int = 0
    records: int = 0
    distinct: int = 0
    given_up: int = 0
    """Published, then lost by the database itself: by a failover to a standby behind, or by a restore."""
    lost: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    duplicates: Counter[str] = field(default_factory=Counter)
    """By incident, such as ``#3 kill``."""

    def beyond(self, incidents: Sequence[Incident]) -> list[str]:
        """The incidents after which more was sent again than the waves that were under way."""
        return [
            f"{count} after {name}, at most {bound} expected"
            for number, incident in enumerate(incidents, start=1)
            if (bound := incident.replay) is not None
            and (count := self.duplicates[name := f"#{number} {incident.name}"]) > bound
        ]

    @property
    def again(self) -> int:
        return self.duplicates.total()


def compare(
    ledger: Mapping[UUID, Entry],
    records: Sequence[Record],
    *,
    lost_by_database: Iterable[UUID] = (),
    incidents: Sequence[Incident] = (),
) -> Findings:
    """Compare the ledger with all records, partition by partition in the order of their offsets."""
    findings = Findings(committed=len(ledger), records=len(records))
    excused = set(lost_by_database) - ledger.keys()
    first: dict[UUID, Record] = {}
    last: dict[tuple[str, str], int] = {}
    for record in records:
        if record.event_id in first:
            findings.duplicates[_cause(record, incidents)] += 1
            if record.whole != first[record.event_id].whole:
                findings.altered.append(f"{record.event_id} was sent again with other bytes")
            continue
        first[record.event_id] = record
        _judge_first(record, ledger, excused, last, findings)
    findings.distinct = sum(event_id in ledger for event_id in first)
    findings.lost = [
        f"{e.topic} {e.key} #{e.n} {e.event_id}" for e in ledger.values() if e.event_id not in first
    ]
    return findings


def _judge_first(
    record: Record,
    ledger: Mapping[UUID, Entry],
    excused: set[UUID],
    last: dict[tuple[str, str], int],
    findings: Findings,
) -> None:
    entry = ledger.get(record.event_id)
    where = f"{record.topic}-{record.partition} {record.key} {record.event_id}"
    if entry is None:
        if record.event_id in excused:
            findings.given_up += 1
        else:
            findings.phantom.append(where)
        return
    if (record.topic, record.key, record.digest) != (entry.topic, entry.key, entry.digest):
        findings.altered.append(f"{where} is not what was written")
    before = last.get((entry.topic, entry.key), 0)
    if entry.n < before:
        findings.disordered.append(f"{where}: number {entry.n} behind {before}")
    last[entry.topic, entry.key] = max(entry.n, before)


def _cause(record: Record, incidents: Sequence[Incident]) -> str:
    """The last incident that had begun when the record was sent."""
    for number in range(len(incidents), 0, -1):
        if incidents[number - 1].began <= record.sent_at:
            return f"#{number} {incidents[number - 1].name}"
    return "no fault"
