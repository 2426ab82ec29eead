"""An event that kills its process: what was in hand comes back one by one, and the killer is held."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pytest
from django.db import DatabaseError

from inbox.handling.routing import Delivery, Routes
from inbox.holding.suspects import Suspects
from inbox.models import HeldEvent, InHand, Offset, Processed
from inbox.models.in_hand import InHandQuerySet
from inbox.offsets import DatabaseOffsets, Stored
from inbox.signals import deaths_suspected
from inbox.testing import MemoryConsumer
from outbox_core.wire.consumed import ConsumerRecord
from tests.inbox.conftest import Effects, send_steps, undecided


class Death(BaseException):
    """Stands for the end of a process: nothing catches it."""


@pytest.fixture(params=["handler", "payload"])
def kill(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the process die while it handles the event of this id, or reads its payload; "" for none."""
    killers = [""]
    run, read = Delivery.run, Routes.read

    def die(*deliveries: Delivery) -> None:
        if any(delivery.identity.event_id == killers[0] for delivery in deliveries):
            raise Death

    def fatal_run(delivery: Delivery, index: int = 0) -> None:
        die(delivery)
        run(delivery, index)

    def fatal_read(routes: Routes, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        die(*deliveries)
        return read(routes, deliveries)

    if request.param == "handler":
        monkeypatch.setattr(Delivery, "run", fatal_run)
    else:
        monkeypatch.setattr(Routes, "read", fatal_read)
    return lambda event_id: killers.__setitem__(0, event_id)


def live(consumer: MemoryConsumer) -> int:
    """Drain in as many lives as it takes; how often the process has died."""
    for deaths in range(20):
        try:
            consumer.drain()
        except Death:
            consumer.restart()
        else:
            return deaths
    raise AssertionError("it dies for ever")


def test_killer_is_held_and_the_rest_is_handled(
    consumer: MemoryConsumer, effects: Effects, kill: Callable[[str], None]
) -> None:
    for number in range(5):
        send_steps(consumer, "good", number)
        send_steps(consumer, "bad", number)
    kill("bad-2")
    assert live(consumer) == 4, "once with what was in hand, and ATTEMPTS times alone"
    assert (effects.of("good"), effects.of("bad")) == ([0, 1, 2, 3, 4], [0, 1])
    row = undecided().get()
    assert (row.event_id, row.attempts, row.handler) == ("bad-2", 3, "tests.inbox.conftest.Effects.step")
    assert "INBOX['ATTEMPTS']" in row.error
    kill("")
    HeldEvent.objects.all().release()
    consumer.drain()
    assert effects.of("bad") == [0, 1, 2, 3, 4]
    assert not InHand.objects.exists()


def test_other_keys_do_not_wait_for_the_suspects(
    consumer: MemoryConsumer, effects: Effects, kill: Callable[[str], None]
) -> None:
    send_steps(consumer, "bad", 1)
    kill("bad-1")
    for _ in range(2):
        with pytest.raises(Death):
            consumer.poll()
        consumer.restart()
    send_steps(consumer, "good", 1)
    consumer.poll()
    assert effects.of("good") == [1]
    assert HeldEvent.objects.get().attempts == 1, "written before the attempt"


def test_an_event_is_not_at_fault_because_the_others_of_its_batch_are_with_another_process(
    consume: Callable[..., MemoryConsumer], effects: Effects, kill: Callable[[str], None]
) -> None:
    """The partition of the killer has gone to another process, and this one has a single suspect."""
    consumer = consume(topics=("innocent", "guilty"))
    consumer.send("test.step", {"number": 1}, key="bad", event_id="bad-1", topic="guilty")
    consumer.send("test.step", {"number": 1}, key="good", event_id="good-1", topic="innocent")
    kill("bad-1")
    with pytest.raises(Death):
        consumer.poll()
    consumer.log.records["guilty", 0].clear()
    consumer.restart()
    kill("good-1")  # now somebody kills that process from outside
    with pytest.raises(Death):
        consumer.poll()
    assert HeldEvent.objects.get().attempts == 1


def test_killer_among_the_released_is_found_too(
    consumer: MemoryConsumer, effects: Effects, kill: Callable[[str], None]
) -> None:
    effects.fails["poison"] = lambda: 1 / 0
    for number in range(5):
        send_steps(consumer, f"k{number}", 1, fail="poison")
    for number in range(10):
        send_steps(consumer, "good", number)
        consumer.drain()
    effects.fails.clear()
    kill("k3-1")
    HeldEvent.objects.all().release()
    assert live(consumer) <= 4
    assert [row.event_id for row in undecided()] == ["k3-1"]


def test_killer_that_comes_late_in_a_backlog_ends_no_more_processes(
    consumer: MemoryConsumer, effects: Effects, kill: Callable[[str], None]
) -> None:
    """Each process begins with small batches. Kafka's copy of the offset is still that of the
    first record.
    """
    for number in range(120):
        send_steps(consumer, f"k{number}", number)
    kill("k100-100")
    assert live(consumer) <= 5, "ATTEMPTS + 2"
    assert [row.event_id for row in undecided()] == ["k100-100"]
    assert sum(len(effects.of(f"k{number}")) for number in range(120)) == 119
    assert not InHand.objects.exists()


def test_killer_that_is_tried_in_an_outage_ends_no_more_processes(
    consumer: MemoryConsumer, effects: Effects, kill: Callable[[str], None]
) -> None:
    """While nothing succeeds, the events behind the batch are tried, too."""

    def away() -> None:
        if len(effects.calls) < 250:
            raise ConnectionError("no answer")

    effects.fails["away"] = away
    for number in range(120):
        send_steps(consumer, f"k{number}", number, fail="away")
    kill("k100-100")
    deaths = live(consumer)
    while len(effects.calls) < 250 or not undecided():
        deaths += live(consumer)
        assert deaths <= 5, "ATTEMPTS + 2"
    assert [row.event_id for row in undecided()] == ["k100-100"]
    assert sum(len(effects.of(f"k{number}")) for number in range(120)) == 119
    assert not InHand.objects.exists()


@pytest.fixture
def suspected() -> Iterator[list[int]]:
    """How many events were suspected, each time that some were."""
    counts: list[int] = []

    def suspect(deliveries: Collection[Delivery], **_: object) -> None:
        counts.append(len(deliveries))

    deaths_suspected.connect(suspect)
    yield counts
    deaths_suspected.disconnect(suspect)


def test_process_that_ends_well_leaves_no_suspects(consumer: MemoryConsumer, suspected: list[int]) -> None:
    for number in range(4):
        send_steps(consumer, "a", number)
        consumer.drain()
        consumer.restart()
    assert (suspected, InHand.objects.count()) == ([], 0)


def restore_to_a_moment_with_events_in_hand() -> None:
    """The effects, the offsets and the note of a first batch come back as they were then."""
    Processed.objects.all().delete()
    Offset.objects.update(offset=0)
    InHand.objects.create(consumer="test", topic="test", partition=0, first_offset=0, last_offset=2)


@pytest.mark.parametrize("running", [True, False])
def test_a_restored_database_makes_nobody_a_suspect(
    consumer: MemoryConsumer, effects: Effects, suspected: list[int], running: bool
) -> None:
    send_steps(consumer, "a", 0, 1, 2)
    consumer.drain()
    restore_to_a_moment_with_events_in_hand()
    if running:
        consumer.time.now += 60
    else:
        consumer.restart()
    for _ in range(3):
        consumer.drain()
    assert (effects.of("a"), suspected, InHand.objects.count()) == ([0, 1, 2], [], 0)


def test_a_note_that_counts_in_another_topic_goes_with_the_offset(db: None) -> None:
    restore_to_a_moment_with_events_in_hand()
    DatabaseOffsets("test").begin(("test", 0), Stored(0), replace=True)
    assert not InHand.objects.exists()


BATCH = [
    ConsumerRecord(topic="test", partition=partition, offset=0, key=None, value=None) for partition in (0, 1)
]
PARTITIONS = {("test", 0), ("test", 1)}


def refuse_once(method: Callable[..., Any], *, at: int) -> Callable[..., Any]:
    """The database goes away at call number ``at``, and comes back."""
    calls = 0

    def refused(*arguments: Any, **values: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise DatabaseError("gone")
        return method(*arguments, **values)

    return refused


def test_a_process_does_not_suspect_the_note_that_it_wrote_itself(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away after the note of one partition, and the notes are written again."""
    suspects = Suspects("test", "default", 1)
    monkeypatch.setattr(InHandQuerySet, "create", refuse_once(InHandQuerySet.create, at=2))
    with pytest.raises(DatabaseError):
        suspects.begin(BATCH)
    assert InHand.objects.count() == 1
    assert suspects.begin(BATCH) == set()
    assert Suspects("test", "default", 1).begin(BATCH) == PARTITIONS, "another process does"


@pytest.mark.parametrize("finished_before", [False, True])
def test_partitions_that_come_back_are_noted_again_without_suspicion(
    db: None, monkeypatch: pytest.MonkeyPatch, finished_before: bool
) -> None:
    """The database was away when they were revoked, so the notes could not be deleted."""
    suspects = Suspects("test", "default", 1)
    suspects.begin(BATCH)
    if finished_before:
        suspects.end(BATCH[:1])
    with monkeypatch.context() as patch:
        patch.setattr(InHandQuerySet, "remove", refuse_once(InHandQuerySet.remove, at=1))
        with pytest.raises(DatabaseError):
            suspects.drop(BATCH)
    assert suspects.begin(BATCH) == set()
    assert InHand.objects.count() == 2


def test_what_another_process_notes_after_this_one_let_go_is_not_taken_for_its_own(db: None) -> None:
    suspects = Suspects("test", "default", 1)
    for leave in (suspects.end, suspects.drop, lambda _: suspects.forget(PARTITIONS)):
        suspects.begin(BATCH)
        leave(BATCH)
        suspects.forget(())
        assert Suspects("test", "default", 1).begin(BATCH) == set()
        assert suspects.begin(BATCH) == PARTITIONS
        suspects.forget(PARTITIONS)
