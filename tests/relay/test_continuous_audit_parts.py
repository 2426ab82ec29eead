"""The parts of a continuous audit: which pages and offsets are looked at, and what ends a difference."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from outbox.models import ContinuousAudit
from outbox_core.operations.doctor.cluster import Partition, Topic, Trouble
from relay.audit.audit import advance
from relay.audit.continuous.auditor import judge, note
from relay.audit.continuous.offsets import Offsets
from relay.audit.continuous.rows import NEWEST, OLDER, Rows
from relay.audit.findings import Difference, Findings, Wrong
from relay.audit.ids import PAGE_IDS, IdSet
from relay.audit.kafka import KafkaLog, Spans

NOW = datetime(2026, 1, 31, 12, 3, tzinfo=UTC)
GONE = "deleted from Kafka earlier than retention.ms says"
MINUTE = timedelta(minutes=1)
WEEK = {"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1"}


class Cluster:
    """A cluster of one topic; what is older than ``young`` may be deleted soon."""

    def __init__(self, spans: Spans, configs: Mapping[str, str] = WEEK) -> None:
        self.spans, self.configs, self.young, self.trouble = spans, configs, {0: 4}, None

    def topics(self, names: Collection[str]) -> list[Topic]:
        partitions = tuple(Partition(number=n, replicas=1, in_sync=1, has_leader=True) for n in self.spans)
        trouble = None if partitions else Trouble.MISSING
        return [Topic(name="t", trouble=trouble, partitions=partitions, configs=self.configs)]

    def bounds(self, topic: str) -> Spans:
        return self.spans

    def offsets_at(self, topic: str, seconds: float) -> Mapping[int, int]:
        return self.young


class Places:
    """The offsets of a topic, whose records up to the end were read."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.findings, self.seconds = cluster, Findings(), 1_000.0
        self._kafka = KafkaLog(cluster)  # type: ignore[arg-type]
        self._offsets = Offsets(self._kafka, NOW, self.findings, lambda: self.seconds)

    def look(self, spans: Spans | None = None) -> Spans:
        self.seconds += 15
        self._kafka.forget()
        if spans is not None:
            self.cluster.spans = spans
        new = self._offsets.new("t")
        if new:
            self._offsets.read("t", new)
        return new

    @property
    def found(self) -> list[tuple[str, str]]:
        return [(each.where, each.detail) for each in self.findings.first]


def test_each_record_is_read_once() -> None:
    places = Places(Cluster({0: (0, 9)}))
    assert places.look() == {0: (4, 9)}, "the records of the time at which it began"
    assert places.look() == {0: (9, 9)}
    assert places.look({0: (0, 12), 1: (0, 3)}) == {0: (9, 12), 1: (3, 3)}, "1 has no record of that time"
    assert places.found == []


def test_what_retention_deletes_is_no_difference() -> None:
    places = Places(Cluster({0: (0, 9)}))
    places.look()
    places.look({0: (4, 9)})
    assert places.found == []


def test_what_retention_does_not_delete_yet_was_deleted_by_somebody() -> None:
    places = Places(Cluster({0: (0, 9)}))
    places.look()
    places.look({0: (6, 9)})
    places.look()
    assert places.found == [("partition 0 offsets 4 to 5", GONE)]


@pytest.mark.parametrize(
    "configs",
    [{}, {**WEEK, "retention.bytes": "1"}, {**WEEK, "cleanup.policy": "compact,delete"}],
    ids=["unknown", "size", "compacted"],
)
def test_what_kafka_may_delete_at_any_time_is_no_difference(configs: Mapping[str, str]) -> None:
    places = Places(Cluster({0: (0, 9)}, configs))
    places.look()
    places.look({0: (8, 9)})
    assert places.found == []


def test_after_a_long_pause_nothing_is_known_of_what_retention_deletes() -> None:
    places = Places(Cluster({0: (0, 9)}))
    places.look()
    places.seconds += 3_600
    places.look({0: (6, 9)})
    assert places.found == []


def test_an_end_that_is_gone_is_looked_at_twice_and_then_read_again() -> None:
    places = Places(Cluster({0: (0, 9)}))
    places.look()
    assert places.look({0: (0, 7)}) == {0: (7, 7)}
    places.look({0: (0, 9)})
    assert places.found == []
    places.look({0: (0, 7)})
    assert places.look() == {0: (0, 7)}
    assert places.found == [("partition 0 offsets 7 to 8", "the end of the partition is gone")]


def test_a_topic_that_is_gone_is_found_once() -> None:
    places = Places(Cluster({0: (0, 9)}))
    places.look()
    places.look({})
    places.look()
    assert places.found == [("", "the topic was deleted")]


class Log:
    """A log that has all events, from ``first`` on, but ``deleted``; ``looked`` are the pages looked at."""

    def __init__(self, first: int, deleted: Collection[int] = ()) -> None:
        self.first, self.deleted, self.looked = first, deleted, list[int]()

    def horizon(self) -> Any:
        return SimpleNamespace(id=self.first) if self.first else None

    def count(self, page: int, ids: bytes) -> int:
        self.looked.append(page)
        gone = sum(number // PAGE_IDS == page for number in self.deleted)
        return int.from_bytes(ids, "little").bit_count() - gone

    def ids(self, page: int) -> set[int]:
        return {page * PAGE_IDS + 1, page * PAGE_IDS + 2} - {*self.deleted}


def rows(log: Log, pages: int) -> tuple[Rows, Any]:
    """Two published events in each of so many pages."""
    both: Any = SimpleNamespace(
        expected=SimpleNamespace(ids=IdSet()), checker=SimpleNamespace(seen=IdSet()), findings=Findings()
    )
    known = IdSet()
    for number in (page * PAGE_IDS + place for page in range(pages) for place in (1, 2)):
        both.expected.ids.add(number)
        known.add(number)
    return Rows(log, both, known), both  # type: ignore[arg-type]


def test_the_newest_rows_are_looked_at_each_time_and_older_ones_by_turns() -> None:
    pages = NEWEST + 2 * OLDER + 5
    log = Log(1)
    looking, _ = rows(log, pages)
    for _ in range(3):
        log.looked.clear()
        list(looking.steps())
        assert len(log.looked) <= NEWEST + OLDER
        assert {*range(pages - NEWEST, pages)} <= {*log.looked}
    assert log.looked[0] == 0, "the third time, it is the turn of the oldest"
    list(looking.steps())
    assert pages - NEWEST - 1 in log.looked[NEWEST:], "and then again of the newest of them"


def test_a_row_that_is_absent_twice_was_deleted() -> None:
    log = Log(1, [PAGE_IDS + 1])
    looking, both = rows(log, NEWEST + OLDER + 5)
    assert [list(looking.steps()) and both.findings.total for _ in range(4)] == [0, 0, 1, 1]


def test_rows_before_the_first_published_one_were_deleted_by_retention() -> None:
    log = Log(2 * PAGE_IDS + 2, [1, 2, PAGE_IDS + 1, PAGE_IDS + 2, 2 * PAGE_IDS + 1])
    looking, both = rows(log, 3)
    for _ in range(3):
        list(looking.steps())
    assert both.findings.total == 0
    assert both.expected.ids.pages == [2]
    log.first = 0
    list(looking.steps())
    assert both.expected.ids.pages == [], "no published event is left"


def found(*wrong: Wrong) -> Findings:
    findings = Findings()
    for each in wrong:
        findings.add(Difference(wrong=each, event_id="e", topic="t", key="k", where="w", detail="d"))
    return findings


def kind(row: ContinuousAudit) -> object:
    return row.first and row.first["wrong"]


def judged(row: ContinuousAudit, findings: Findings, began: datetime) -> None:
    judge(row, SimpleNamespace(findings=findings, began=began), NOW)  # type: ignore[arg-type]


def test_a_difference_ends_with_a_whole_audit_that_began_later_and_does_not_find_it() -> None:
    row = ContinuousAudit()
    note(row, found(Wrong.MISSING, Wrong.PHANTOM), NOW)
    assert (row.differences, kind(row), row.found_at) == (2, "missing", NOW)
    judged(row, found(), NOW - MINUTE)
    assert (row.differences, row.compared_at) == (2, NOW - MINUTE)
    judged(row, found(Wrong.PHANTOM), NOW + MINUTE)
    assert (row.differences, kind(row)) == (1, "phantom")
    judged(row, found(), NOW + MINUTE)
    assert (row.differences, row.first, row.found_at) == (0, None, None)


def test_an_order_that_is_not_known_is_no_difference() -> None:
    row = ContinuousAudit()
    judged(row, found(Wrong.PERHAPS_DISORDER), NOW)
    assert (row.differences, row.first) == (0, None)


def test_an_audit_that_had_to_stop_has_proved_nothing() -> None:
    row, findings = ContinuousAudit(), found()
    findings.stopped = "There are too many."
    judged(row, findings, NOW)
    assert (row.compared_at, row.trouble) == (None, "There are too many.")


def test_steps_go_on_where_they_stopped() -> None:
    clock = iter(range(100))
    steps = iter(range(6))
    assert not advance(steps, 3, lambda: next(clock))  # type: ignore[arg-type]
    assert next(steps) == 3
    assert advance(steps, 60, lambda: next(clock))  # type: ignore[arg-type]
