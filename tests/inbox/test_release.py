"""inbox_release and inbox_discard: what they take, what they print, and what is kept of it."""

from __future__ import annotations

import getpass
import socket

import pytest

from inbox.models import HeldEvent, Instance, Ledger
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps
from tests.inbox.operators import run


@pytest.fixture
def held(consumer: MemoryConsumer, effects: Effects) -> MemoryConsumer:
    effects.fails["poison"] = raising(ValueError("no such customer"))
    send_steps(consumer, "a", 1, fail="poison")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "b", 1, fail="poison")
    consumer.drain()
    return consumer


def test_release_needs_to_be_told_what(held: MemoryConsumer) -> None:
    assert run("inbox_release")[0] == 2
    assert run("inbox_release", "nosuch")[0] == 2
    assert run("inbox_release", "--topic", "nosuch")[0] == 2
    assert not Ledger.objects.by_people().exists()


def test_release_takes_the_rest_of_the_key_along(held: MemoryConsumer, effects: Effects) -> None:
    code, text = run("inbox_release", "a-1", "--dry-run")
    assert code == 0
    assert "Would release 1 event" in text
    assert "ValueError: no such customer" in text
    assert not HeldEvent.objects.exclude(released_at=None).exists()
    Instance.objects.all().delete()
    code, text = run("inbox_release", "--key", "a", "--topic", "test", "--consumer", "test")
    assert "Released 2 events" in text
    assert "manage.py run_consumer test" in text
    effects.fails.clear()
    held.retry()
    assert effects.of("a") == [1, 2]
    assert "Released 1 event" in run("inbox_release", "--all")[1]
    assert [entry.count for entry in Ledger.objects.by_people().order_by("pk")] == [2, 1]


def test_ids_that_are_gone_do_not_stop_the_others(held: MemoryConsumer) -> None:
    assert run("inbox_discard", "a-1", "gone", "--reason", "x")[0] == 0
    assert HeldEvent.objects.exclude(discarded_at=None).count() == 1
    assert run("inbox_discard", "a-1", "gone", "--reason", "x")[0] == 2


def test_release_by_cause_and_by_type(held: MemoryConsumer) -> None:
    assert run("inbox_release", "--cause", "KeyError")[0] == 2
    assert run("inbox_release", "--type", "nix")[0] == 2
    assert run("inbox_release", "--cause", "ValueError", "--type", "test.step", "--yes")[0] == 0
    assert not HeldEvent.objects.unreleased().exists()


def test_a_second_release_changes_nothing_and_is_no_deed(held: MemoryConsumer) -> None:
    run("inbox_release", "--all")
    before = set(HeldEvent.objects.values_list("pk", "released_at"))
    code, text = run("inbox_release", "--all")
    assert (code, "already" in text) == (0, True)
    assert set(HeldEvent.objects.values_list("pk", "released_at")) == before
    assert Ledger.objects.by_people().count() == 1


def test_discard_needs_a_reason_and_keeps_it(held: MemoryConsumer) -> None:
    assert run("inbox_discard", "a-1")[0] != 0
    assert run("inbox_discard", "a-1", "--reason", " ")[0] != 0
    assert "Would discard 1 event" in run("inbox_discard", "a-1", "--reason", "x", "--dry-run")[1]
    code, text = run("inbox_discard", "a-1", "--reason", "test order")
    assert (code, "Discarded 1 event" in text) == (0, True)
    gone = HeldEvent.objects.exclude(discarded_at=None).get()
    assert (gone.event_id, gone.discard_reason) == ("a-1", "test order")
    entry = Ledger.objects.by_people().get()
    assert (entry.verb, entry.reason, entry.count, entry.outcome) == ("discard", "test order", 1, "done")
    assert gone.discarded_by == entry.who == f"{getpass.getuser()}@{socket.gethostname()}"
