"""The parts of a consumer with workers: what they say to each other, and what is stored when."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from django.db import transaction

from inbox.errors import OffsetsMoved
from inbox.handling.pace import FIRST, GROWTH
from inbox.handling.routing import Delivery, Identity
from inbox.holding.suspects import Suspects
from inbox.models import HeldEvent, InHand, Offset
from inbox.models.held_queries import Share
from inbox.offsets import Stored, next_offsets
from inbox.workers.channel import TO_CONSUMER, TO_WORKER, Channel, Fact, Finished, ToConsumer, ToWorker, Work
from inbox.workers.evidence import SharedEvidence
from inbox.workers.in_flight import InFlight, Windows, share
from inbox.workers.offsets import ROWS, PoolOffsets, WorkerOffsets
from inbox.workers.pool import WAITING, Pool
from outbox_core.wire.consumed import ConsumerRecord

PARTITION = ("t", 0)
ROW = (f"{ROWS}x", 1)
Ends = tuple[Channel[ToConsumer], Channel[ToWorker]]


def record(offset: int, key: bytes | None = b"k", value: bytes = b"{}", partition: int = 0) -> ConsumerRecord:
    return ConsumerRecord(topic="t", partition=partition, offset=offset, key=key, value=value)


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    consumer, worker = Channel(ours, TO_CONSUMER), Channel(theirs, TO_WORKER)
    yield consumer, worker
    consumer.close()
    worker.close()


def test_a_channel_carries_what_is_larger_than_its_buffers_without_waiting(ends: Ends) -> None:
    consumer, worker = ends
    work = Work([record(number, value=b"x" * 1_000_000) for number in range(5)], suspect=True)
    consumer.send(work)
    assert consumer.has_unsent
    received: list[ToWorker] = []
    while not received:
        consumer.flush()
        received = worker.receive()
    assert received == [work]
    assert not consumer.has_unsent


def test_what_a_worker_said_before_its_end_is_received(ends: Ends) -> None:
    consumer, worker = ends
    worker.send(Finished(3, 7))
    worker.close()
    consumer.send(Work([record(1)]))
    assert consumer.receive() == [Finished(3, 7)]
    assert consumer.closed


def test_records_are_divided_by_key_and_keep_their_order() -> None:
    given = [InFlight(record(number, b"%d" % (number % 7)), 0) for number in range(70)]
    shares = share(given, 3)
    assert sum(map(len, shares)) == 70
    keys = [{each.record.key for each in part} for part in shares]
    assert all(not one & other for one in keys for other in keys if one is not other)
    for part in shares:
        assert [each.record.offset for each in part] == sorted(each.record.offset for each in part)


def pool_of(*keys: bytes) -> Pool:
    """Three workers, none of which runs, with as many records of these keys, in turns, as they may have."""
    pool = Pool(3, lambda *_: [], batch_size=50, seconds=1.0, committed=lambda *_: None)
    given = 0
    while pool.room:
        records = [record(given + number, keys[(given + number) % len(keys)]) for number in range(pool.room)]
        pool.give(records, [])
        given += len(records)
    return pool


def test_a_worker_that_has_enough_makes_no_other_wait() -> None:
    many, one = pool_of(*(b"%d" % number for number in range(300))), pool_of(b"hot")
    few = 3 * FIRST * GROWTH
    assert few <= many.in_hand < 2 * few, "they get few at first"
    assert one.in_hand == few * WAITING, "what waits for one of them has a limit"
    one.widen()
    assert one.room == 3 * 50 - 50, "the others have nothing"


def test_an_offset_waits_for_all_before_it() -> None:
    windows = Windows()
    given = [InFlight(record(number), 0) for number in range(5)]
    for each in given:
        windows.add(each)
    for number in (1, 2, 4):
        given[number].finish()
    assert next_offsets(windows.advance()) == {}
    given[0].finish()
    assert next_offsets(windows.advance()) == {PARTITION: 3}
    assert [each.offset for each in windows.records] == [3, 4]
    windows.forget([PARTITION])
    windows.add(InFlight(record(0), 0))
    given[3].finish()
    assert windows.advance() == [], "it is read again from its beginning"


class Two:
    """The evidence of two workers. Each receives at once what the other one sends."""

    def __init__(self) -> None:
        self.sent: list[Fact] = []
        self.one = SharedEvidence(lambda: 0.0, lambda fact: self._pass_on(fact, self.two))
        self.two = SharedEvidence(lambda: 0.0, lambda fact: self._pass_on(fact, self.one))

    def _pass_on(self, fact: Fact, other: SharedEvidence) -> None:
        self.sent.append(fact)
        other.take(fact)


def test_keys_that_fail_with_different_workers_show_an_outage() -> None:
    both = Two()
    for key, evidence in ((1, both.one), (2, both.two), (3, both.one)):
        found = evidence.failed("h", key, f"e{key}", suspicious=True)
    assert found.outage
    assert not found.against
    assert both.two.in_outage() == {"h"}
    assert len(both.sent) == 3, "what is received is not sent on"


def test_a_success_with_one_worker_counts_against_the_event_of_another() -> None:
    both = Two()
    assert not both.one.failed("h", 1, "e", suspicious=False).against
    both.two.succeeded(["h", "unknown"])
    assert both.one.failed("h", 1, "e", suspicious=False).against
    both.two.forget("e")
    assert not both.one.has_seen("e")


def test_the_end_of_an_outage_reaches_the_others() -> None:
    both = Two()
    for key in (1, 2, 3):
        both.one.failed("h", key, f"e{key}", suspicious=True)
    assert both.two.take(Fact("succeeded", ["h"])) == {"h"}
    assert both.one.is_in_outage("h"), "nobody has sent it to this one"


def opened(commits: int = 0) -> WorkerOffsets:
    offsets = WorkerOffsets("test", "default", ROW)
    offsets.open(commits)
    return offsets


def commit(offsets: WorkerOffsets) -> None:
    """As a unit of work does."""
    moves = offsets.moves([])
    with transaction.atomic():
        offsets._advance(moves)
    offsets.confirm(moves)


def test_an_offset_is_stored_only_with_the_transactions_of_the_workers(db: None) -> None:
    worker, pool = opened(), PoolOffsets("test", "default", ROW[0])
    pool.begin(PARTITION, Stored(0))
    for _ in range(2):
        commit(worker)
    pool.committed(1, worker.commits)
    pool.catch_up({PARTITION: 5})
    commit(worker)
    pool.committed(1, worker.commits)
    Offset.objects.filter(topic=ROW[0]).update(offset=2)
    with pytest.raises(OffsetsMoved):
        pool.catch_up({PARTITION: 9})
    assert Offset.objects.get(topic="t").offset == 5
    with pytest.raises(OffsetsMoved):
        commit(worker)
    with pytest.raises(OffsetsMoved):
        opened(3)
    assert opened().commits == 2
    pool.forget_workers()
    pool.catch_up({PARTITION: 9})


def test_a_partition_that_begins_again_is_known_once(db: None) -> None:
    pool = PoolOffsets("test", "default", ROW[0])
    pool.begin(PARTITION, Stored(0))
    assert pool.take_begun() == {PARTITION}
    assert pool.take_begun() == set()


def test_rows_of_workers_are_removed_at_the_end(db: None) -> None:
    opened()
    pool = PoolOffsets("test", "default", ROW[0])
    pool.begin(PARTITION, Stored(0))
    pool.remove_workers()
    assert [row.topic for row in Offset.objects.all()] == ["t"]


def test_what_is_in_hand_beside_new_records_stays_noted(db: None) -> None:
    mine, next_one = (Suspects("test", "default", 500) for _ in range(2))
    first, more, later = ([record(n) for n in numbers] for numbers in (range(3), range(3, 6), range(6, 9)))
    assert mine.begin(first) == set()
    assert mine.begin(more, first) == set()
    assert next_one.begin([record(1)]) == {PARTITION}
    mine.end(first[:2])
    assert mine.begin(later, [*first[2:], *more]) == set(), "the note is still its own"
    note = InHand.objects.get()
    assert (note.first_offset, note.last_offset) == (2, 8)
    mine.end([*first[2:], *more, *later])
    assert not InHand.objects.exists()


def test_a_note_is_deleted_when_its_partition_is_trusted(db: None) -> None:
    mine = Suspects("test", "default", 2)
    mine.begin([record(n) for n in range(5)])
    mine.end([record(0), record(1)])
    assert not InHand.objects.exists()
    assert mine.begin([record(5)]) == set()
    assert not InHand.objects.exists()


def test_each_worker_retries_the_held_events_of_its_keys(db: None) -> None:
    records = [record(number, b"k%d" % number) for number in range(20)]
    failed = [Delivery(record=each, identity=Identity("/s", str(each.offset)), error="e") for each in records]
    HeldEvent.objects.hold("test", failed, 0.0)
    rows = {row.pk: row for row in HeldEvent.objects.all()}
    shares = [HeldEvent.objects.due("test", 100, ahead=60.0, share=Share(worker, 3)) for worker in range(3)]
    assert sorted(pk for due in shares for pk in due) == sorted(rows)
    for worker, due in enumerate(shares):
        given = share([InFlight(rows[pk].as_record(), 0) for pk in due], 3)
        assert len(given[worker]) == len(due) > 0
