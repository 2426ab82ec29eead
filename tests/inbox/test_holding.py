"""Poison is held with what comes after it of its key; the rest goes on; release keeps the order."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections, transaction

from inbox.handling.routing import Routes
from inbox.models import HeldEvent, Processed
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import ERROR, Effects, held, logged, raising, send_steps, undecided
from tests.waiting import wait_until


def test_poison_is_held_with_the_later_events_of_its_key(poisoned: MemoryConsumer, effects: Effects) -> None:
    assert (effects.of("a"), effects.of("b")) == ([1], [1, 2])
    assert held() == [("a-2", ERROR), ("a-3", "")]
    assert effects.order("a").count(2) == 3, "as often as ATTEMPTS says"
    assert effects.order("a").count(1) == 2, "once in the batch that failed, and once without what failed"
    assert undecided().get().handler == "tests.inbox.conftest.Effects.step"


def test_later_batches_wait_behind_it_too(poisoned: MemoryConsumer, effects: Effects) -> None:
    send_steps(poisoned, "a", 4)
    send_steps(poisoned, "b", 3)
    poisoned.drain()
    assert effects.of("b") == [1, 2, 3]
    assert [event_id for event_id, _ in held()] == ["a-2", "a-3", "a-4"]


def test_redelivery_holds_nothing_twice(poisoned: MemoryConsumer) -> None:
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    Processed.objects.filter(consumer="test").delete()
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    assert [event_id for event_id, _ in held()][:2] == ["a-2", "a-3"]
    assert len({event_id for event_id, _ in held()}) == len(held())


def test_discard_lets_the_rest_of_the_key_go_on(poisoned: MemoryConsumer, effects: Effects) -> None:
    assert HeldEvent.objects.filter(event_id="a-2").discard(by="me", reason="a test order") == 1
    poisoned.retry()
    assert effects.of("a") == [1, 3]
    gone = HeldEvent.objects.get()
    assert (gone.discarded_by, gone.discard_reason) == ("me", "a test order")
    assert gone.as_record().value is not None


def test_discard_of_one_that_waits_leaves_the_poison(poisoned: MemoryConsumer) -> None:
    HeldEvent.objects.filter(event_id="a-3").discard(by="me", reason="")
    poisoned.retry()
    assert held() == [("a-2", ERROR)]


def test_discarded_event_is_not_handled_when_delivered_again(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    effects.fails.clear()
    HeldEvent.objects.all().discard(by="me", reason="")
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    assert effects.of("a") == [1]


def test_payload_that_does_not_fit_is_held_at_once(consumer: MemoryConsumer, effects: Effects) -> None:
    """It needs no attempt, and the batch need not be rolled back for it."""
    send_steps(consumer, "a", 1)
    consumer.send("test.step", {"no": "number"}, key="a", event_id="bad")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.order("a"), effects.order("b")) == ([1], [1])
    error = "InvalidPayload: its data does not fit Step: Object missing required field `number`"
    assert held() == [("bad", error), ("a-2", "")]


def test_log_names_the_event_its_handler_and_the_limit(
    poisoned: MemoryConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    send_steps(poisoned, "c", 1, fail="poison")
    caplog.clear()
    poisoned.drain()
    line = logged(caplog, "hold_made")[0].getMessage()
    for word in ("test.step c-1 (test/0 offset 5)", "Effects.step", "INBOX['ATTEMPTS']", ERROR):
        assert word in line


def test_record_that_is_no_event_keeps_its_place_in_the_order_of_its_key(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    consumer.log.append("test", key=b"a", value=b"\x00\xff", headers=[("ce_x", b"\xfe"), ("y", None)])
    send_steps(consumer, "a", 1)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([], [1])
    row = undecided().get()
    assert (row.source, row.event_id, row.type, row.key) == ("kafka:test", "0/0/0", "", "a")
    assert row.error.startswith("InvalidEvent: specversion is missing")
    assert row.as_record() == consumer.log.records["test", 0][0]
    HeldEvent.objects.filter(pk=row.pk).discard(by="me", reason="a stray record")
    consumer.retry()
    assert effects.of("a") == [1]


def test_events_without_a_key_wait_for_nobody(consumer: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = raising(ValueError("broken\x00 handler"))
    consumer.send("test.step", {"number": 1, "fail": "poison"}, event_id="x")
    consumer.send("test.step", {"number": 2})
    consumer.drain()
    assert effects.of("") == [2]
    assert held() == [("x", ERROR)]


def test_handler_can_say_that_an_event_is_poison(consumer: MemoryConsumer, effects: Effects) -> None:
    from inbox import Poison

    effects.fails["poison"] = raising(Poison("never"))
    send_steps(consumer, "a", 1, fail="poison")
    consumer.drain()
    assert len(effects.calls) == 1
    assert held() == [("a-1", "Poison: never")]


def test_held_event_of_a_type_that_is_handled_no_more_is_let_go(poisoned: MemoryConsumer) -> None:
    HeldEvent.objects.all().release()
    poisoned.consumer.execution.retries._routes = Routes({})
    poisoned.retry()
    poisoned.retry()
    assert not HeldEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_event_waits_behind_one_that_another_process_holds_at_this_moment(effects: Effects) -> None:
    """The other process was late with the first event. It commits while this one waits to claim the event."""
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    send_steps(consumer, "a", 1, 2)
    late = Routes(effects.registry.of())(consumer.log.records["test", 0][0])
    assert late is not None

    def handle() -> None:
        consumer.poll()
        connections.close_all()

    handling = threading.Thread(target=handle)
    with transaction.atomic():
        Processed.objects.claim("test", [late.identity])
        HeldEvent.objects.hold("test", [late.refused(ValueError("late"))])
        handling.start()
        wait_until(is_waited_for, 20, "the consumer waits for the claim")
    handling.join()
    assert effects.calls == []
    assert [event_id for event_id, _ in held()] == ["a-1", "a-2"]


def is_waited_for() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))")
        return cursor.fetchone() is not None
