"""outbox_replay: published events are sent again, marked and in order, by the owner of their shard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from threading import Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.utils import timezone

from outbox import status
from outbox.models import Checkpoint, EventStatus, Held, Hold, Ledger, OutboxEvent
from outbox.operations import replaying, retention
from outbox_core.wire.encode import Record
from relay.audit.log import Log
from relay.publishers.base import Failure, Trouble
from tests.relay.conftest import Desk, Writer, divide, pause, payloads, resume

pytestmark = pytest.mark.django_db(transaction=True)


class Office:
    """A desk, a writer, and what was sent last."""

    def __init__(self, desk: Desk, writer: Writer) -> None:
        self.desk, self.writer = desk, writer
        self.before: list[Record] = []

    def emit(self, key: str, count: int = 1, topic: str = "t") -> None:
        self.writer.insert(key, count, topic=topic)
        self.writer.commit()

    def drain(self) -> list[Record]:
        before = len(self.desk.broker.records)
        self.desk.drain()
        return self.desk.broker.records[before:]

    def replay(self, *arguments: str) -> str:
        out = StringIO()
        call_command("outbox_replay", *arguments, stdout=out)
        return out.getvalue()

    @property
    def statuses(self) -> set[str]:
        return {event.status for event in OutboxEvent.objects.with_status()}


@pytest.fixture
def it(desk: Callable[..., Desk], writer: Callable[[], Writer]) -> Office:
    return Office(desk(), writer())


def header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()


def test_a_replay_has_the_same_ids_and_bytes_in_order_and_says_so(it: Office) -> None:
    it.emit("a", 3)
    it.emit("b", 2)
    first = it.drain()
    it.emit("c")
    it.replay("--topic", "t", "--id", "r1", "--reason", "the CRM was restored")
    again = [record for record in it.drain() if "ce_replay" in dict(record.headers)]
    assert [record._replace(headers=record.headers[:-1]) for record in again] == first
    assert {header(record, "ce_replay") for record in again} == {"r1"}
    assert (it.statuses, Hold.objects.count()) == ({EventStatus.PUBLISHED}, 0)
    entry = Ledger.objects.get()
    assert (entry.verb, entry.count, entry.outcome) == ("replay", 5, "done")
    assert entry.selection == {"topic": "t", "replay": "r1"}
    assert entry.reason == "the CRM was restored"


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


def test_it_goes_to_another_topic_if_told_so(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    it.replay("--all", "--to", "t.again")
    assert [record.topic for record in it.drain()] == ["t.again", "t.again"]


def test_new_events_neither_wait_for_it_nor_change_their_order(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    it.replay("--all")
    it.emit("a", 2)
    sent = it.drain()
    live = [record for record in sent if "ce_replay" not in dict(record.headers)]
    replayed = [record for record in sent if "ce_replay" in dict(record.headers)]
    assert payloads(live) == ["a:3", "a:4"]
    assert payloads(replayed) == ["a:1", "a:2"]


def test_every_shard_sends_its_part(it: Office, desk: Callable[..., Desk]) -> None:
    it.emit("a")
    it.emit("b")
    it.drain()
    it.desk.shard.lease.release(it.desk.session)
    divide(2)
    it.replay("--all")
    sent = []
    for each in (desk(), desk()):
        each.drain()
        sent += payloads(each.broker.records)
    assert sorted(sent) == ["a:1", "b:1"]
    assert not Held.objects.exists()


def test_it_waits_while_its_topic_is_paused(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    pause("t")
    it.replay("--all")
    assert it.drain() == []
    resume("t")
    assert payloads(it.drain()) == ["a:1", "a:2"]


def test_an_outage_repeats_it_under_the_same_id(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    it.replay("--all", "--id", "r1")
    it.desk.broker.failures.append(Failure(Trouble.RETRIABLE, "no leader"))
    it.desk.shard.release()
    assert Held.objects.count() == 2
    it.desk.reopen()
    assert {header(record, "ce_replay") for record in it.drain()} == {"r1"}


def test_a_page_that_takes_long_is_not_taken_for_the_last_one(
    desk: Callable[..., Desk], writer: Callable[[], Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drain would end behind it."""
    monkeypatch.setattr("relay.holds.release.ROUND_SECONDS", 0.0)
    it = Office(desk(page_rows=1), writer())
    it.emit("a", 5)
    it.drain()
    it.replay("--all")
    assert payloads(it.drain()) == [f"a:{n}" for n in range(1, 6)]


def test_a_replay_that_can_not_be_sent_is_held_and_can_be_discarded(it: Office) -> None:
    it.emit("a")
    it.drain()
    it.replay("--all", "--to", "small")
    it.desk.broker.failures.append(Failure(Trouble.RECORD, "too large"))
    it.drain()
    assert Hold.objects.get().reason == "poison"
    call_command("outbox_discard", "--all", "--yes", "--reason", "no need", stdout=StringIO())
    it.drain()
    assert (it.statuses, Hold.objects.count()) == ({EventStatus.PUBLISHED}, 0)


def test_a_replay_under_way_is_no_problem(it: Office) -> None:
    it.emit("a")
    it.drain()
    it.replay("--all")
    assert "held" not in {problem.state for problem in status.read().problems}


def test_what_waits_in_a_replay_is_not_among_what_is_held(it: Office) -> None:
    it.emit("a", 3)
    it.drain()
    pause("u")
    it.emit("b", topic="u")
    it.drain()
    it.replay("--topic", "t")
    [text] = [problem.text for problem in status.read().problems if problem.state == "held"]
    assert text.startswith("1 event is held, for 1 cause: paused")


def test_what_waits_in_a_replay_is_published_for_an_audit(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    it.replay("--all")
    assert {entry.status for page in Log("default").pages() for entry in page} == {EventStatus.PUBLISHED}


def test_a_replay_of_old_events_is_no_late_delivery(it: Office) -> None:
    it.emit("a", 2)
    it.drain()
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(days=1))
    it.replay("--all")
    it.drain()
    assert max(Checkpoint.objects.values_list("latency_ms", flat=True)) < 3_600_000
    assert sum(Checkpoint.objects.values_list("events", flat=True)) == 4


def test_what_retention_deletes_meanwhile_does_not_keep_a_replay_open(
    it: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.emit("a", 2)
    it.drain()
    it.emit("b")
    it.drain()
    first, _, _ = OutboxEvent.objects.order_by("pk").values_list("pk", flat=True)
    OutboxEvent.objects.filter(pk=first).update(created_at=timezone.now() - timedelta(days=8))
    send = replaying._send

    def prune() -> None:
        list(retention.prune())
        connections.close_all()

    def meanwhile(*arguments: Any) -> int:
        thread = Thread(target=prune)
        thread.start()
        thread.join(60)
        return send(*arguments)

    monkeypatch.setattr(replaying, "_send", meanwhile)
    it.replay("--all")
    assert payloads(it.drain()) == ["a:2", "b:1"]
    assert (Held.objects.count(), Hold.objects.count()) == (0, 0)


def test_a_chunk_reads_no_more_of_the_log_than_itself(it: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    it.emit("a", 3_000)
    it.drain()
    read = list[int]()
    query = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'outbox_event'"

    def count() -> int:
        with connections["default"].cursor() as cursor:
            cursor.execute(query)
            return sum(row[0] for row in cursor.fetchall())

    def send(*_: Any) -> int:
        read.append(count())
        return 0

    with connections["default"].cursor() as cursor:
        cursor.execute("ANALYZE outbox_event")
    monkeypatch.setattr(replaying, "_send", send)
    chosen = replaying.Replay(id="r1", last=OutboxEvent.objects.all().last_id(), topic="t")
    before = count()
    next(replaying.replay(chosen, "default", "me", size=100))
    assert read[0] - before <= 300


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
    with pytest.raises(CommandError):
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
    assert (Held.objects.count(), Ledger.objects.count()) == (0, 0)


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
