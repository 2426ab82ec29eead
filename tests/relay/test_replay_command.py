"""outbox_replay: what it chooses and refuses, how fast it is, and how it is continued."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from outbox.models import Held, Ledger, OutboxEvent
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
            raise OperationalError("the connection is lost")
        return send(*arguments)

    monkeypatch.setattr(replaying, "_send", breaks)
    monkeypatch.setattr("outbox.management.commands.outbox_replay.time.sleep", lambda _: None)
    said = StringIO()
    with pytest.raises(CommandError, match="the connection is lost"):
        call_command("outbox_replay", "--all", "--id", "r1", "--rate", "1", stderr=said, stdout=StringIO())
    assert f"--id r1 --after {OutboxEvent.objects.order_by('pk')[0].pk}" in said.getvalue()


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

    def sleep(seconds: float) -> None:
        waiting.append(Held.objects.count())
        if len(waiting) % 3 == 0:
            it.drain()

    monkeypatch.setattr("outbox.management.commands.outbox_replay.time.sleep", sleep)
    it.replay("--all", "--rate", "2")
    it.drain()
    assert max(waiting) <= 4
    assert payloads(it.desk.broker.records) == [f"a:{n}" for n in range(1, 8)] * 2


def test_a_replay_that_waits_for_relays_says_so_once(it: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    it.emit("a", 3)
    it.drain()
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 8:
            it.drain()

    monkeypatch.setattr("outbox.management.commands.outbox_replay.time.sleep", sleep)
    monkeypatch.setattr("outbox.management.commands.outbox_replay.QUIET_SECONDS", 0.0)
    said = StringIO()
    call_command("outbox_replay", "--all", "--rate", "1", stderr=said, stdout=StringIO())
    assert len(sleeps) >= 8
    assert said.getvalue().count("outbox_status") == 1


def test_an_interrupted_replay_says_how_to_continue(it: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    it.emit("a", 5)
    it.drain()

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("outbox.management.commands.outbox_replay.time.sleep", interrupt)
    with pytest.raises(CommandError) as error:
        it.replay("--all", "--rate", "2", "--id", "r1")
    assert error.value.returncode == 130
    after = OutboxEvent.objects.order_by("pk")[1].pk
    assert f"--id r1 --after {after}" in str(error.value)
    it.drain()
    it.replay("--all", "--id", "r1", "--after", str(after))
    it.drain()
    assert payloads(it.desk.broker.records) == [f"a:{n}" for n in range(1, 6)] * 2
