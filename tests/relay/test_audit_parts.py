"""What an audit knows in little memory, and what Kafka must still have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox_core.operations.doctor.cluster import Partition, Topic, Trouble
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.encode import Row, wire_time
from relay.audit import order
from relay.audit.checker import Checker
from relay.audit.claims import Claim
from relay.audit.expected import Expected
from relay.audit.findings import Findings, Wrong
from relay.audit.ids import IdSet
from relay.audit.kafka import CLOCKS, KafkaLog, Kept, Spans
from relay.audit.log import Entry
from relay.audit.order import Slots, Suspects
from relay.audit.scope import ALL, NOTHING, Scope

NOW = 1_800_000_000.0
IDS = st.sets(st.integers(1, 200_000) | st.integers(10**12, 10**12 + 70_000))


def idset(numbers: Collection[int]) -> IdSet:
    made = IdSet()
    for number in numbers:
        made.add(number)
    return made


@given(IDS, IDS)
def test_a_set_of_ids_is_a_set(ours: set[int], theirs: set[int]) -> None:
    mine, other = idset(ours), idset(theirs)
    assert list(mine.without(other)) == sorted(ours - theirs)
    assert all(number in mine for number in ours)
    assert not any(number in mine for number in theirs - ours)


@given(IDS, IDS, st.integers(0, 10**12 + 70_000))
def test_a_set_of_ids_forgets_and_grows(ours: set[int], theirs: set[int], least: int) -> None:
    mine, other, nothing = idset(ours), idset(theirs), IdSet()
    for number in sorted(theirs)[:5]:
        mine.remove(number)
    kept = ours - set(sorted(theirs)[:5])
    assert list(mine.without(nothing)) == sorted(kept)
    mine.update(other)
    assert [number for page in mine.pages for number in mine.of(page)] == sorted(kept | theirs)
    mine.drop_below(least)
    left = {number for number in kept | theirs if number >= least}
    assert list(mine.without(nothing)) == sorted(left)
    assert sum(map(mine.count, mine.pages)) == len(left)
    assert list(other.without(nothing)) == sorted(theirs), "the other set is as it was"


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 30)), max_size=40))
def test_keys_that_share_a_slot_are_told_apart(records: list[tuple[bytes, int]]) -> None:
    first = list(dict.fromkeys((key, number) for key, number in records))
    numbers = {number: key for key, number in reversed(first)}  # an id has one key
    first = [(key, number) for key, number in first if numbers[number] == key]
    expected = [
        number
        for at, (key, number) in enumerate(first)
        if any(other == key and earlier > number for other, earlier in first[:at])
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "SLOTS", 1)
        slots = Slots([0])
        for key, number in first:
            slots.note(0, key, number)
        suspects = Suspects(slots)
        found = [pair.late for key, number in [*first, *first] for pair in suspects.note(0, key, number)]
    assert found == expected


def test_partitions_have_no_order_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "SLOTS", 2)
    slots = Slots([3, 7])
    for number in range(1, 5):
        slots.note(3, b"a", 100 + number)
        slots.note(7, b"b", number)
    assert slots.suspicious == set()
    slots.note(7, b"c", 1)
    assert slots.suspicious == {slots.of(7, b"c")}


class Fake:
    """A cluster of one topic, whose partitions have these offsets and the time of their first record."""

    def __init__(self, spans: Spans, configs: Mapping[str, str], first: float = NOW - 500) -> None:
        self._spans, self._configs, self._first = spans, configs, first

    def topics(self, names: Collection[str]) -> list[Topic]:
        partitions = tuple(Partition(number=n, replicas=1, in_sync=1, has_leader=True) for n in self._spans)
        trouble = None if partitions else Trouble.MISSING
        return [Topic(name="t", trouble=trouble, partitions=partitions, configs=self._configs)]

    def bounds(self, topic: str) -> Spans:
        return self._spans

    def offsets_at(self, topic: str, seconds: float) -> Mapping[int, int]:
        return {0: 7}

    def records(self, topic: str, spans: Spans) -> Iterator[list[ConsumerRecord]]:
        yield []
        for number, (start, _) in spans.items():
            yield [
                ConsumerRecord(
                    topic=topic,
                    partition=number,
                    offset=start,
                    key=b"k",
                    value=b"",
                    timestamp=int(self._first * 1000),
                )
            ]


def since(seconds: float) -> str:
    return wire_time(datetime.fromtimestamp(seconds, UTC) + CLOCKS)


WEEK = {"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1"}
SIZE = {**WEEK, "retention.bytes": "1000000"}


@pytest.mark.parametrize(
    ("spans", "configs", "kept"),
    [
        ({0: (0, 9)}, WEEK, Kept(ALL)),
        ({0: (3, 9)}, WEEK, Kept(since(NOW - 604_800), "deleted by Kafka")),
        ({0: (3, 9)}, {**WEEK, "retention.ms": "-1"}, Kept(ALL, "deleted by Kafka")),
        ({0: (0, 9), 1: (3, 9)}, SIZE, Kept(since(NOW - 500), "deleted by Kafka")),
        ({0: (3, 9), 1: (9, 9)}, SIZE, Kept(since(NOW), "deleted by Kafka")),
        ({0: (3, 9)}, {}, Kept(since(NOW - 500), "deleted by Kafka")),
        ({0: (0, 9)}, {**WEEK, "cleanup.policy": "compact,delete"}, Kept(NOTHING, "compacted")),
        ({}, {}, Kept(ALL)),
    ],
    ids=["whole", "time", "for ever", "size", "emptied", "unknown", "compacted", "missing"],
)
def test_what_kafka_must_have_follows_from_what_it_may_delete(
    spans: Spans, configs: Mapping[str, str], kept: Kept
) -> None:
    assert KafkaLog(Fake(spans, configs), lambda: NOW).kept("t") == kept  # type: ignore[arg-type]


def test_a_partition_without_records_of_the_range_is_not_read() -> None:
    log = KafkaLog(Fake({0: (3, 9), 1: (3, 9)}, WEEK))  # type: ignore[arg-type]
    assert log.spans("t", datetime(2026, 1, 1, tzinfo=UTC)) == {0: (7, 9), 1: (9, 9)}
    assert log.spans("t", None) == {0: (3, 9), 1: (3, 9)}


class Lacking:
    """An outbox without the event of any record."""

    def __init__(self) -> None:
        self.looks = 0

    def rows(self, ids: Collection[int]) -> dict[int, Row]:
        return {}

    rows_of_events = rows

    def horizon(self) -> Entry:
        self.looks += 1
        return Entry(9, "t", "", "2026-01-01T00:00:00.000000Z", "published")


def made_up(number: int) -> Claim:
    record = ConsumerRecord(topic="t", partition=0, offset=number, key=b"k", value=b"", timestamp=0)
    return Claim(record, number, str(number), "x", "/test", "2027-01-01T00:00:00.000000Z", replay=False)


def test_many_records_without_an_event_cost_one_look_at_what_retention_left() -> None:
    log, findings = Lacking(), Findings()
    expected = Expected(log, KafkaLog(Fake({0: (0, 9)}, WEEK)), Scope(), findings)  # type: ignore[arg-type]
    Checker(log, expected, findings).check([*map(made_up, range(10, 13))], Slots([0]))  # type: ignore[arg-type]
    assert (log.looks, findings.differences) == (1, {Wrong.PHANTOM: 3})
