"""Each event takes effect once: batches, rollbacks, redelivery, batched writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from django.db import DatabaseError, connection, transaction

import inbox
from inbox.errors import EffectsLost, HandlerFailed, NotHandling
from inbox.handling.routing import Delivery, Identity, Routes
from inbox.handling.unit_of_work import UnitOfWork
from inbox.models import HeldEvent, Processed
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, Step, raising, send_steps


def deliveries(consumer: MemoryConsumer, effects: Effects) -> Sequence[Delivery]:
    routes = Routes(effects.registry.of())
    return routes.read([d for record in consumer.source.poll(0) if (d := routes(record)) is not None])


def test_events_take_effect_in_order(consumer: MemoryConsumer, effects: Effects) -> None:
    send_steps(consumer, "a", 1, 2, 3)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([1, 2, 3], [1])
    assert effects.order("a") == [1, 2, 3]


def test_redelivery_of_a_whole_topic_changes_nothing(consumer: MemoryConsumer, effects: Effects) -> None:
    send_steps(consumer, "a", 1, 2, 3)
    consumer.drain()
    consumer.log.committed.clear()
    consumer.restart()
    consumer.drain()
    assert effects.order("a") == [1, 2, 3]


def test_event_that_is_twice_in_a_batch_takes_effect_once(consumer: MemoryConsumer, effects: Effects) -> None:
    send_steps(consumer, "a", 1, 2, 1, 2, 3)
    consumer.drain()
    assert effects.order("a") == [1, 2, 3]


def test_event_whose_type_is_an_asterisk_takes_effect_once(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    """A handler of every type is the handler of this type, too."""
    types: list[str] = []

    @effects.registry.handler("*")
    def every(event: inbox.Event) -> None:
        types.append(event.type)

    consumer.restart()
    consumer.send("*", key="a")
    consumer.drain()
    assert types == ["*"]


def test_same_id_of_another_source_is_another_event(consumer: MemoryConsumer, effects: Effects) -> None:
    for number, source in enumerate(("/one", "/two")):
        consumer.send("test.step", {"number": number}, key="a", event_id="1", source=source)
    consumer.drain()
    assert effects.of("a") == [0, 1]


def test_batch_that_fails_leaves_nothing(consumer: MemoryConsumer, effects: Effects) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    effects.fails["fail"] = fail
    send_steps(consumer, "a", 1, 2)
    send_steps(consumer, "a", 3, fail="fail")
    with pytest.raises(HandlerFailed) as failure:
        UnitOfWork(consumer="test", offsets=consumer.offsets).apply(deliveries(consumer, effects))
    assert (failure.value.index, str(failure.value.__cause__)) == (2, "no")
    assert not Processed.objects.exists()


def swallow(statement: str) -> Callable[[], None]:
    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except DatabaseError:
            pass

    return run


def swallow_in_a_block() -> None:
    try:
        with transaction.atomic(savepoint=False):
            raise DatabaseError
    except DatabaseError:
        pass


@pytest.mark.parametrize("fail", [swallow("SELECT 1/0"), swallow_in_a_block], ids=["statement", "block"])
@pytest.mark.django_db(transaction=True)
def test_swallowed_database_error_is_not_taken_for_success(
    effects: Effects, fail: Callable[[], None]
) -> None:
    """PostgreSQL and Django would both roll back without an error, and the events would be gone."""

    @effects.registry.handler("test.last")
    def last(step: Step) -> None:
        fail()

    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    send_steps(consumer, "a", 1)
    consumer.send("test.last", {"number": 2}, key="b")
    with pytest.raises(HandlerFailed) as failure:
        UnitOfWork(consumer="test", offsets=consumer.offsets).apply(deliveries(consumer, effects))
    assert (failure.value.index, type(failure.value.__cause__)) == (1, EffectsLost)
    assert not Processed.objects.exists()


def test_savepoint_takes_a_database_error(consumer: MemoryConsumer, effects: Effects) -> None:
    def recover() -> None:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    effects.fails["recover"] = recover
    send_steps(consumer, "a", 1, fail="recover")
    consumer.drain()
    assert effects.of("a") == [1]


class Rows(inbox.Batch):
    written: list[list[int]] = []

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def write(self) -> None:
        self.written.append(self.numbers)
        if 13 in self.numbers:
            raise RuntimeError("13")


@pytest.fixture
def gathered(effects: Effects) -> Iterator[list[list[int]]]:
    @effects.registry.handler("test.gathered")
    def gather(step: Step) -> None:
        Rows.current().numbers.append(step.number)

    yield Rows.written
    Rows.written.clear()


def test_batch_is_written_once_for_a_transaction(gathered: list[list[int]], consumer: MemoryConsumer) -> None:
    for number in (1, 2, 3):
        consumer.send("test.gathered", {"number": number}, key="a")
    consumer.drain()
    assert gathered == [[1, 2, 3]]


def test_event_whose_batch_cannot_be_written_is_found(
    gathered: list[list[int]], consumer: MemoryConsumer
) -> None:
    """The batch fails as a whole; singly, only the one that is at fault does."""
    for number in (1, 13, 2):
        consumer.send("test.gathered", {"number": number}, key=str(number))
    consumer.drain()
    assert gathered == [[1, 13, 2], [1], [13], [2], [13], [13]]
    assert [held.key for held in HeldEvent.objects.waiting()] == ["13"]


def test_batch_belongs_to_handlers() -> None:
    with pytest.raises(NotHandling, match=r"Rows.current\(\) is for handlers"):
        Rows.current()


def test_current_event_is_the_one_being_handled(consumer: MemoryConsumer, effects: Effects) -> None:
    seen: list[inbox.Event | None] = []
    effects.fails["look"] = lambda: seen.append(inbox.current_event())
    send_steps(consumer, "a", 1, fail="look")
    consumer.drain()
    assert [event and event.id for event in seen] == ["a-1"]
    assert inbox.current_event() is None


def test_replay_is_for_handlers_that_asked_for_it(consumer: MemoryConsumer, effects: Effects) -> None:
    """Once for each replayed record; that the event was handled once may have been forgotten by then."""
    rebuilt: list[str] = []

    @effects.registry.handler("test.rebuilt", replays=True)
    def rebuild(step: Step, event: inbox.Event) -> None:
        rebuilt.append(event.id)

    consumer.restart()
    for type_ in ("test.step", "test.rebuilt"):
        consumer.send(type_, {"number": 1}, key="a", event_id=type_)
        consumer.send(type_, {"number": 1}, key="a", event_id=type_, replay="true")
        consumer.send(type_, {"number": 1}, key="a", event_id=type_, replay="true")
    consumer.drain()
    consumer.log.committed.clear()
    consumer.restart()
    consumer.drain()
    assert effects.order("a") == [1]
    assert rebuilt == ["test.rebuilt"] * 3


def test_a_replay_with_an_id_takes_effect_once(consumer: MemoryConsumer, effects: Effects) -> None:
    """Its records may come several times, as all records may."""
    rebuilt: list[str] = []

    @effects.registry.handler("test.rebuilt", replays=True)
    def rebuild(step: Step, event: inbox.Event) -> None:
        rebuilt.append(event.replay_id)

    consumer.restart()
    strange = "\x00" + 5_000 * "é"
    for replay in ("r1", "r1", "r2", "r1", strange, strange):
        consumer.send("test.rebuilt", {"number": 1}, key="a", event_id="e", replay=replay)
    consumer.drain()
    assert rebuilt == ["r1", "r2", strange]


def test_an_operator_can_have_all_handlers_take_replays(effects: Effects) -> None:
    log = MemoryConsumer("test", handlers=effects.registry, raises=False).log
    headers = (("ce_specversion", b"1.0"), ("ce_id", b"e"), ("ce_source", b"/s"), ("ce_type", b"test.step"))
    record = log.append("t", key=b"a", value=b'{"number": 1}', headers=(*headers, ("ce_replay", b"r1")))
    handlers = effects.registry.of()
    assert Routes(handlers)(record) is None
    delivery = Routes(handlers, apply_replays=True)(record)
    assert delivery is not None
    assert delivery.identity == Identity("/s", "e#r1")


def test_a_replay_that_a_process_with_that_option_held_is_retried_by_one_without(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    effects.fails["fail"] = raising(ConnectionError())
    consumer.consumer.execution.processor._routes = Routes(effects.registry.of(), apply_replays=True)
    consumer.send("test.step", {"number": 1, "fail": "fail"}, key="a", replay="r1")
    consumer.poll()
    assert HeldEvent.objects.waiting().count() == 1
    effects.fails.clear()
    consumer.restart()
    consumer.drain()
    assert effects.of("a") == [1]
    assert not HeldEvent.objects.exists()


def test_events_that_nobody_handles_leave_no_trace(consumer: MemoryConsumer) -> None:
    consumer.send("test.unknown", {}, key="a")
    consumer.drain()
    assert consumer.source.lag() == 0
    assert not Processed.objects.exists()


def test_claim_says_which_events_are_new(db: None) -> None:
    one, two = Identity("/s", "1"), Identity("/s", 'quoted "2" \\ é')
    assert Processed.objects.claim("c", [one]) == {one}
    assert Processed.objects.claim("c", [one, two]) == {two}
    assert Processed.objects.claim("d", [one]) == {one}
