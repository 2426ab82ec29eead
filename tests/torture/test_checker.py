"""The checker finds what is wrong, each kind of it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from tests.torture.checker import Incident, compare
from tests.torture.kafka_log import Record
from tests.torture.ledger import Entry, digest

ENTRIES = [Entry(uuid4(), "t", "k", n, digest(b"%d" % n)) for n in (1, 2, 3)]
LEDGER: dict[UUID, Entry] = {entry.event_id: entry for entry in ENTRIES}
RECORDS = [Record(e.event_id, "t", 0, "k", 10.0 + e.n, e.digest, b"whole %d" % e.n) for e in ENTRIES]
ONE, TWO, THREE = RECORDS
WRONG = ("lost", "phantom", "disordered", "altered")


def wrong(records: list[Record]) -> dict[str, int]:
    findings = compare(LEDGER, records)
    return {name: len(getattr(findings, name)) for name in WRONG if getattr(findings, name)}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (RECORDS, {}),
        ([*RECORDS, ONE, TWO, THREE], {}),
        ([ONE, THREE], {"lost": 1}),
        ([*RECORDS, replace(ONE, event_id=uuid4())], {"phantom": 1}),
        ([ONE, THREE, TWO], {"disordered": 1}),
        ([TWO, THREE, ONE], {"disordered": 1}),
        ([ONE, TWO, replace(THREE, digest=digest(b"else"))], {"altered": 1}),
        ([*RECORDS, replace(ONE, whole=b"else")], {"altered": 1}),
        ([ONE, TWO, replace(THREE, key="other")], {"altered": 1}),
        ([], {"lost": 3}),
    ],
)
def test_what_is_wrong_is_found(records: list[Record], expected: dict[str, int]) -> None:
    assert wrong(records) == expected


def test_duplicates_are_counted_by_the_fault_before_them() -> None:
    incidents = [Incident("kill", 12.0, 12.0, 1.0), Incident("crash", 20.0, 20.0, 1.0)]
    late = [replace(ONE, sent_at=13.0), replace(TWO, sent_at=13.0), replace(THREE, sent_at=25.0)]
    findings = compare(LEDGER, [*RECORDS, *late, replace(ONE, sent_at=11.0)], incidents=incidents)
    assert findings.duplicates == {"#1 kill": 2, "#2 crash": 1, "no fault": 1}


def test_what_the_database_itself_lost_is_no_phantom() -> None:
    gone = uuid4()
    findings = compare(LEDGER, [*RECORDS, replace(ONE, event_id=gone)], lost_by_database=[gone])
    assert (findings.given_up, findings.phantom) == (1, [])
