"""Two processes of a consumer share the held events: only the one that tries an event counts the attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.models.functions import Now

from inbox.models import HeldEvent
from inbox.models.held_queries import HeldEventQuerySet
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(effects: Effects) -> MemoryConsumer:
    """A consumer with one held event that will be tried again."""
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails["fail"] = raising(ConnectionError("no answer"))
    send_steps(consumer, "a", 1, fail="fail")
    consumer.poll()
    assert HeldEvent.objects.get().attempts == 0
    return consumer


def in_another_process(work: Callable[[], object]) -> None:
    """Do it to its end in a thread, which has a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("attempts", [0, 3], ids=["", "as one that has killed its process ATTEMPTS times"])
def test_a_process_that_stands_by_changes_nothing(
    waiting: MemoryConsumer, effects: Effects, attempts: int
) -> None:
    other = Effects()
    seen: list[int] = []

    def stand_by() -> None:
        bystander = MemoryConsumer("test", handlers=other.registry, raises=False)
        for _ in range(5):
            bystander.retry()

    def watched() -> None:
        if attempts:
            in_another_process(lambda: HeldEvent.objects.update(alone=True, attempts=attempts))
        in_another_process(stand_by)
        still = HeldEvent.objects.filter(retry_at__isnull=False)
        seen.extend(still.values_list("attempts", flat=True))

    effects.fails["fail"] = watched
    waiting.retry()
    assert seen == [attempts or 1], "the attempt of the process that tries it"
    assert other.calls == []
    assert effects.of("a") == [1]
    assert not HeldEvent.objects.exists()


@pytest.mark.parametrize("alone", [True, False])
def test_an_event_that_was_tried_since_it_was_due_waits_for_its_next_time(
    waiting: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """Two processes found it due, and the other one was first."""
    waiting.retry()  # the first round of a process tries each event alone
    HeldEvent.objects.update(alone=alone, retry_at=Now() + timedelta(days=1))
    before, calls = HeldEvent.objects.get(), len(effects.calls)
    monkeypatch.setattr(HeldEventQuerySet, "due", lambda *_, **__: [before.pk])
    waiting.retry()
    after = HeldEvent.objects.get()
    assert (after.attempts, after.retry_at) == (before.attempts, before.retry_at)
    assert len(effects.calls) == calls


def test_an_attempt_that_another_process_prevents_does_not_count(
    waiting: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the key, because new events of it arrive there, when this one has counted the attempt. The event
    would stay held as one that kills its process, and none has died.
    """
    before, calls = HeldEvent.objects.get(), len(effects.calls)
    begin, locked = HeldEventQuerySet.begin_alone, ExitStack()

    def begin_too_late(held: HeldEventQuerySet, row: HeldEvent, **values: Any) -> None:
        begin(held, row, **values)
        transaction.on_commit(lambda: locked.enter_context(busy(row)))

    with monkeypatch.context() as patch, locked:
        patch.setattr(HeldEventQuerySet, "begin_alone", begin_too_late)
        waiting.retry()
    after = HeldEvent.objects.get()
    assert (after.attempts, after.error, len(effects.calls)) == (before.attempts, before.error, calls)
    effects.fails.clear()
    waiting.retry()
    assert effects.of("a") == [1]


def test_an_attempt_that_an_outage_prevents_does_not_count(
    waiting: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is lost between the two transactions, before a handler is called."""
    before, take = HeldEvent.objects.get(), HeldEventQuerySet.take

    def lose(held: HeldEventQuerySet, *arguments: Any, begun: bool = False, **values: Any) -> Any:
        if begun:
            raise OperationalError("server closed the connection unexpectedly")
        return take(held, *arguments, begun=begun, **values)

    with monkeypatch.context() as patch:
        patch.setattr(HeldEventQuerySet, "take", lose)
        for _ in range(4):
            waiting.retry()
    waiting.consumer.tick()
    assert HeldEvent.objects.get().attempts == before.attempts
    effects.fails.clear()
    waiting.retry()
    assert effects.of("a") == [1]


@contextmanager
def busy(row: HeldEvent) -> Iterator[None]:
    """Another process has the key of this event."""
    url = {**connection.get_connection_params(), "cursor_factory": None}
    lock = "SELECT pg_advisory_xact_lock(hashtextextended('inbox key ' || %s, %s))"
    with psycopg.connect(**url) as other:
        other.execute(lock, row.own_key)
        yield
