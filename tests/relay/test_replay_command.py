"""outbox_replay: what it chooses and refuses, how fast it is, and how it is continued."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from outbox.models import Held, Ledger, Operation, OutboxEvent
from outbox.operations import replaying
from tests.relay.conftest import payloads
from tests.relay.replays import Office, header, it

__all__ = ["it"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_replay_is_of_ids_keys_types_or_times(it: Office) -> None:
    it.emit("a", 2)
    between = timezone.now().isoformat()
    it.emit("b", 2)
    records = it.drain()
    it.replay(header(records[1], "ce_id"))
    assert payloads(it.drain()) == ["a:2"]
    it.replay("--key", "b")
    assert payloads(it.drain()) == ["b:1", "b:2"]
    it.replay("--until", between)
    assert payloads(it.drain()) == ["a:1", "a:2"]
    it.replay("--since", between, "--type", "test.event")
    assert payloads(it.drain()) == ["b:1", "b:2"]


def test_a_replay_goes_to_another_topic_if_one_is_given(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    it.replay("--all", "--to", "t.again")
    assert [record.topic for record in it.drain()] == ["t.again", "t.again"]


def test_an_error_on_the_way_says_how_to_continue(it: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    it.emit("a", 3)
    it.drain()
    send = replaying._send

    def breaks(*arguments: Any) -> int:
        if Held.objects.exists():
            raise OperationalError("the disk is full")
        return send(*arguments)

    monkeypatch.setattr(replaying, "_send", breaks)
    monkeypatch.setattr("outbox_core.operations.bulk.operations.TRIES", 1)
    skip_time(monkeypatch)
    with pytest.raises(CommandError, match="the disk is full") as error:
        it.replay("--all", "--id", "r1", "--rate", "1")
    assert f"manage.py outbox_operations {Operation.objects.get().pk} --resume" in str(error.value)
    assert Operation.objects.get().done == 1


def test_what_is_not_published_is_not_replayed(it: Office) -> None:
    it.emit("a")
    with pytest.raises(CommandError) as error:
        it.replay("--all")
    assert error.value.returncode == 2
    it.drain()
    it.replay("--all", "--id", "r1")
    with pytest.raises(CommandError) as error:  # it waits in another replay
        it.replay("--all")
    assert error.value.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [(), ("--id", "r1"), ("--all", "--rate", "0"), ("--all", "--id", "true"), ("--all", "--id", "a b")],
)
def test_what_makes_no_sense_is_refused(it: Office, arguments: tuple[str, ...]) -> None:
    it.emit("a")
    it.drain()
    with pytest.raises(CommandError):
        it.replay(*arguments)
    assert not Held.objects.exists()


def test_a_replay_that_could_start_itself_again_is_refused(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    it.replay("--key", "a", "--id", "r1")
    it.emit("b")
    it.desk.shard.step()
    with pytest.raises(CommandError):  # r1 is under way
        it.replay("--key", "b", "--id", "r1")
    OutboxEvent.objects.filter(key="b").update(headers={"replay": "r0"})
    with pytest.raises(CommandError):
        it.replay("--key", "b")


def test_a_dry_run_counts_and_changes_nothing(it: Office) -> None:
    it.emit("a", 30)
    it.drain()
    said = it.replay("--all", "--dry-run").splitlines()
    assert "30 events" in said[0]
    assert len(said) == 23
    assert (Held.objects.count(), Ledger.objects.by_people().count()) == (0, 0)


def test_a_rate_is_kept_also_when_no_relay_takes_it(it: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    it.emit("a", 7)
    it.drain()
    waiting: list[int] = []

    def meanwhile() -> None:
        waiting.append(Held.objects.count())
        if len(waiting) % 3 == 0:
            it.drain()

    skip_time(monkeypatch, meanwhile)
    it.replay("--all", "--rate", "2")
    it.drain()
    assert max(waiting) <= 4
    assert payloads(it.desk.broker.records) == [f"a:{n}" for n in range(1, 8)] * 2


def test_an_interrupted_replay_is_paused_and_continues_where_it_was(
    it: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.emit("a", 5)
    it.drain()

    def interrupt() -> None:
        raise KeyboardInterrupt

    skip_time(monkeypatch, interrupt)
    with pytest.raises(CommandError) as error:
        it.replay("--all", "--rate", "2", "--id", "r1")
    assert error.value.returncode == 130
    row = Operation.objects.get()
    assert (row.state, row.done) == ("paused", 2)
    assert f"outbox_operations {row.pk} --resume" in str(error.value)
    it.drain()
    skip_time(monkeypatch, it.drain)
    call_command("outbox_operations", row.pk, resume=True, stdout=StringIO())
    it.drain()
    assert payloads(it.desk.broker.records) == [f"a:{n}" for n in range(1, 6)] * 2


def skip_time(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object] = lambda: None) -> None:
    """The command does not sleep: what it waits for is due at once."""

    def sleep(seconds: float) -> None:
        Operation.objects.update(due_at=timezone.now())
        meanwhile()

    monkeypatch.setattr("outbox_core.operations.bulk.following.time.sleep", sleep)
