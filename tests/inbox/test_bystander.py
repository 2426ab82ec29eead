"""Two processes of a consumer share the held events: only the one that tries an event counts the attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connections
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
