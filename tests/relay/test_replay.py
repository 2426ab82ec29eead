"""Published events are sent again, marked and in order, by the owner of their shard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from outbox import status
from outbox.models import Checkpoint, EventStatus, Held, Hold, Ledger, OutboxEvent
from outbox.operations import replaying, retention
from outbox_core.operations.bulk.selection import Selection
from relay.audit.log import Log
from relay.publishers.base import Failure, Trouble
from tests.outbox.concurrency import in_background
from tests.people.orders import begun, carry
from tests.relay.conftest import Desk, Writer, divide, pause, payloads, resume
from tests.relay.replays import Office, header, it

__all__ = ["it"]
pytestmark = pytest.mark.django_db(transaction=True)


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
    entry = Ledger.objects.by_people().get()
    assert (entry.verb, entry.count, entry.outcome) == ("replay", 5, "done")
    assert entry.selection == {"topic": "t", "replay": "r1"}
    assert entry.reason == "the CRM was restored"


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
    first, second = desk(), desk()
    assert (first.drain(), second.drain()) == (["a:1"], ["b:1"])
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
    assert (text.split()[0], "paused" in text, "replay" in text) == ("1", True, False)


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

    def meanwhile(*arguments: Any) -> int:
        in_background(lambda: list(retention.prune())).result(60)
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
    monkeypatch.setattr("outbox_core.operations.bulk.verb.SCAN", 100)
    monkeypatch.setattr("outbox_core.operations.bulk.operations.FIRST_CHUNK", 100)
    row = begun("replay", Selection(topic="t"), options={"id": "r1"})
    before = count()
    carry(row.pk, 1)
    assert read[0] - before <= 500
