"""A continuous audit proves what is new, and finds what was changed behind what it has proved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models.functions import Now
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

import devstack.kafka
from outbox import status
from outbox.log import rows
from outbox.models import ContinuousAudit, Ledger, OutboxEvent
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.report import State
from outbox_core.wire.encode import encoder
from relay import signals
from relay.audit.continuous.auditor import Auditor
from relay.audit.continuous.row import AuditRow
from relay.audit.ids import PAGE_IDS
from relay.audit.kafka import Reader, open_reader
from relay.audit.log import Log
from tests.reading import records_of
from tests.relay.audits import SOURCE, Audited, it
from tests.relay.conftest import Writer, pause
from tests.relay.processes import ROOT, environment_of_tests
from tests.waiting import wait_until

__all__ = ["it"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_kafka]
SECONDS = 60.0
"""Within this time everything is found."""
EVERY = 1.0
MakeAuditor = Callable[..., Auditor]


def plain_reader() -> Reader:
    return open_reader(8.0)


@pytest.fixture
def auditors() -> Iterator[MakeAuditor]:
    """Makes processes that may compare; their turns come when a test says so."""
    with ExitStack() as stack:

        def make(
            name: str = "first", lease: float = SECONDS, make: Callable[[], Any] = plain_reader
        ) -> Auditor:
            auditor = Auditor("default", make, EVERY, AuditRow("default", name, lease))
            stack.callback(auditor.give_back)
            return auditor

        yield make


@pytest.fixture
def auditor(auditors: MakeAuditor) -> Auditor:
    return auditors()


def row() -> ContinuousAudit:
    return ContinuousAudit.objects.get()


def first() -> dict[str, str]:
    found = row().first
    assert found is not None
    return dict(found)


def turn_until(auditor: Auditor, reached: Callable[[], object], what: str) -> float:
    """Turns follow each other faster than in production. Returns how many seconds of ``EVERY`` they were."""
    turns = 0

    def is_reached() -> bool:
        nonlocal turns
        turns += 1
        auditor.turn()
        return bool(reached())

    wait_until(is_reached, SECONDS, what, every=0.1)
    return turns * EVERY


def prove(auditor: Auditor) -> None:
    """Both sides are equal: everything of now is proved, also by a whole audit."""
    now = Log("default").moment().at

    def is_proved() -> bool:
        found = row()
        return bool(found.until and found.compared_at and min(found.until, found.compared_at) > now)

    turn_until(auditor, is_proved, "it is proved")
    assert (row().differences, row().first, row().trouble) == (0, None, "")


def is_different() -> bool:
    return row().differences > 0


def delete_row(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM outbox_event WHERE id = %s", [number])


def delete_records(it: Audited, before: int) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=it.bootstrap)) as admin:
        admin.delete_records({TopicPartition(it.topic, 0): before})


def configure(it: Audited, **configs: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=it.bootstrap)) as admin:
        named = {name.replace("_", "."): value for name, value in configs.items()}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, it.topic, named)])


def publish(it: Audited, key: str = "a", count: int = 5) -> list[int]:
    ids = it.emit(key, count)
    it.send(it.drain())
    return ids


def test_what_is_published_is_proved_and_the_proof_moves_on(it: Audited, auditor: Auditor) -> None:
    publish(it)
    prove(auditor)
    before = row().until
    publish(it, "b")
    prove(auditor)
    after = row().until
    assert before is not None
    assert after is not None
    assert after > before


def test_nothing_is_called_proved_before_everything_was_compared_once(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    with monkeypatch.context() as patch:
        patch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
        for _ in range(3):
            auditor.turn()
    assert (row().until, row().compared_at, row().trouble) == (None, None, "")
    prove(auditor)


def test_a_row_that_is_deleted_behind_the_proof_is_found(it: Audited, auditor: Auditor) -> None:
    ids = publish(it)
    prove(auditor)
    event = str(OutboxEvent.objects.get(pk=ids[2]).event_id)
    delete_row(ids[2])
    turn_until(auditor, is_different, "the row is missed")
    assert first()["wrong"] == "phantom"
    until = row().until
    turn_until(auditor, lambda: first()["event_id"] == event, "a whole audit names the event")
    turn_until(auditor, lambda: row().differences == 1, "it is counted once")
    assert row().until == until, "the time until which all was proved"


def test_rows_are_missed_before_a_whole_audit_reads_them(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    delete_row(ids[2])
    seconds = turn_until(auditor, is_different, "the row is missed")
    assert seconds <= 3 * EVERY
    assert first()["where"] == f"#{ids[2]} of the outbox"
    auditor.turn()
    assert row().differences == 1, "it is found once"


def test_older_rows_are_looked_at_little_by_little(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.audit.continuous.following.OLDER_PAGES", 1)
    old = []
    for _ in range(3):
        old += publish(it)
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('outbox_event_id_seq', %s)", [old[-1] + PAGE_IDS])
    OutboxEvent.objects.update(created_at=Now() - timedelta(hours=1))
    it.send(encoder(SOURCE)(row) for row in rows.read("default", "true", {}))  # with these times
    delete_records(it, len(old))
    publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    for _ in range(3):
        auditor.turn()
    delete_row(old[1])
    turn_until(auditor, is_different, "the row is missed")
    assert first()["where"] == f"#{old[1]} of the outbox"


def test_records_that_are_deleted_behind_the_proof_are_found(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    delete_records(it, 2)
    assert turn_until(auditor, is_different, "the records are missed") <= 3 * EVERY
    assert (first()["wrong"], first()["where"]) == ("missing", "partition 0 offsets 0 to 1")
    assert "outbox_replay" in first()["remedy"]


def test_a_topic_that_is_deleted_is_found_until_its_records_are_sent_again(
    it: Audited, auditor: Auditor
) -> None:
    it.emit("a", 5)
    records = it.drain()
    it.send(records)
    prove(auditor)
    with closing(KafkaAdminClient(bootstrap_servers=it.bootstrap)) as admin:
        admin.delete_topics([it.topic])
    turn_until(auditor, is_different, "the topic is missed")
    assert (first()["wrong"], first()["topic"]) == ("missing", it.topic)
    turn_until(auditor, lambda: row().differences == len(records), "a whole audit counts its events")
    devstack.kafka.create_topics(it.bootstrap, {it.topic: 1})
    it.send(records)
    prove(auditor)


def test_a_hole_that_compaction_left_is_found(it: Audited, auditor: Auditor) -> None:
    """The settings of the topic are as before, so that only reading it again can show that."""
    publish(it, "a", 3)
    prove(auditor)
    quick = {"segment_ms": "100", "min_cleanable_dirty_ratio": "0.001", "max_compaction_lag_ms": "100"}
    configure(it, cleanup_policy="compact", **quick)
    time.sleep(0.2)  # the segment becomes old enough
    publish(it, "b", 1)
    wait_until(lambda: len(records_of(it.bootstrap, it.topic)) < 4, SECONDS, "Kafka compacts the topic")
    configure(it, cleanup_policy="delete")
    turn_until(auditor, is_different, "the hole is found")
    assert (first()["wrong"], row().differences) == ("missing", 2)


def test_a_record_with_other_bytes_is_found(it: Audited, auditor: Auditor) -> None:
    publish(it)
    prove(auditor)
    it.emit("a")
    it.send([record._replace(value=b"other") for record in it.drain()])
    turn_until(auditor, is_different, "the bytes are compared")
    assert first()["wrong"] == "altered"


def test_a_row_that_is_changed_behind_the_proof_is_found(it: Audited, auditor: Auditor) -> None:
    ids = publish(it)
    prove(auditor)
    OutboxEvent.objects.filter(pk=ids[1]).update(payload=b"other")
    turn_until(auditor, is_different, "the row is compared again")
    assert first()["wrong"] == "altered"


def test_an_event_that_kafka_never_got_is_found(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    it.emit("a", 3)
    records = it.drain()
    it.send([records[0], records[2]])
    turn_until(auditor, is_different, "it is missed")
    assert first()["event_id"] == dict(records[1].headers)["ce_id"].decode()
    for _ in range(3):
        auditor.turn()
    assert row().differences == 1, "it is found once"


def test_an_event_that_waits_at_first_is_not_forgotten(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    it.emit("a", 3)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    records = it.drain()
    it.send(records[1:])
    turn_until(auditor, is_different, "it is missed")
    assert first()["event_id"] == dict(records[0].headers)["ce_id"].decode()


def test_a_difference_that_is_repaired_ends(it: Audited, auditor: Auditor) -> None:
    publish(it)
    prove(auditor)
    it.emit("a", 3)
    records = it.drain()
    it.send(records[1:])
    turn_until(auditor, is_different, "it is missed")
    it.send([records[0]._replace(headers=[*records[0].headers, ("ce_replay", b"7")])])
    turn_until(auditor, lambda: not is_different(), "a whole audit finds it")
    prove(auditor)


def test_what_waits_and_what_retention_deletes_is_no_difference(
    it: Audited, auditor: Auditor, writer: Callable[[], Writer]
) -> None:
    late = writer()
    late.insert("late", topic=it.topic)
    ids = publish(it)
    prove(auditor)
    late.commit()
    pause(it.topic)
    held = it.emit("b", 2)
    it.drain()
    configure(it, retention_ms="1000")
    auditor.turn()
    auditor.turn()
    delete_records(it, 3)
    OutboxEvent.objects.filter(pk__lte=ids[2]).delete()
    prove(auditor)
    prove(auditor)
    assert OutboxEvent.objects.filter(pk__in=held).count() == 2


def test_another_process_continues_when_the_lease_has_run_out(it: Audited, auditors: MakeAuditor) -> None:
    dead, other = auditors("dead", lease=1.0), auditors("other")
    publish(it)
    prove(dead)
    until = row().until
    assert not other.turn(), "one process compares"
    it.emit("a", 3)
    records = it.drain()
    it.send(records[1:])
    wait_until(other.turn, SECONDS, "the lease runs out")
    assert not dead.turn()
    assert row().auditor == "other"
    turn_until(other, is_different, "what was lost meanwhile is found")
    assert first()["event_id"] == dict(records[0].headers)["ce_id"].decode()
    assert row().until == until


class Unreliable:
    """A reader of a Kafka that is ``away`` for a while."""

    away = False

    def __init__(self) -> None:
        self._reader = plain_reader()

    def __getattr__(self, name: str) -> Any:
        if Unreliable.away:
            raise KafkaUnreachable("no brokers available")
        return getattr(self._reader, name)

    def close(self) -> None:
        self._reader.close()


def test_an_outage_is_no_difference(
    it: Audited, auditors: MakeAuditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    listen = signals.audit_interrupted.connect
    listen(lambda why, **_: heard.append(why), weak=False, dispatch_uid="test")
    auditor = auditors(make=Unreliable)
    publish(it)
    prove(auditor)
    with monkeypatch.context() as patch:
        patch.setattr(Unreliable, "away", True)
        for _ in range(3):
            auditor.turn()
        assert row().trouble == "Kafka cannot be read: no brokers available."
        assert not is_different()
        publish(it, "b")
    prove(auditor)
    assert heard == ["Kafka cannot be read: no brokers available."]
    signals.audit_interrupted.disconnect(dispatch_uid="test")


def test_without_the_database_it_waits(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    prove(auditor)
    with monkeypatch.context() as patch:
        patch.setattr(Log, "prove", lambda _: (_ for _ in ()).throw(OperationalError("server closed")))
        with pytest.raises(OperationalError):
            auditor.turn()
    prove(auditor)


def test_a_reset_forgets_what_was_found(it: Audited, auditor: Auditor) -> None:
    ids = publish(it)
    prove(auditor)
    delete_row(ids[2])
    turn_until(auditor, is_different, "the row is missed")
    call_command("outbox_audit", "--reset", stdout=StringIO())
    assert (row().until, row().differences) == (None, 0)
    entry = Ledger.objects.get(verb="reset")
    assert (entry.automatic, entry.before.endswith(", 1 difference")) == (False, True)
    assert status.read().state is not State.DIFFERENT
    publish(it, "b")
    prove(auditor)


def test_the_status_says_how_far_all_is_proved_and_what_was_found(it: Audited, auditor: Auditor) -> None:
    ids = publish(it)
    assert status.read().audit is None
    prove(auditor)
    found = status.read()
    assert found.audit is not None
    assert found.audit.until == row().until
    delete_row(ids[2])
    turn_until(auditor, is_different, "the row is missed")
    problem = next(each for each in status.read().problems if each.state is State.DIFFERENT)
    assert "not in the outbox" in problem.text
    assert problem.remedy
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_audit SET differences = 0, first = NULL, until = now() - interval '1 hour'"
        )
    assert any(each.state is State.NOT_PROVED for each in status.read().problems)


@pytest.mark.parametrize("option", [["--json"], ["--topic", "t"]])
def test_a_continuous_audit_compares_everything(it: Audited, option: list[str]) -> None:
    with pytest.raises(CommandError, match="leave out"):
        call_command("outbox_audit", "--continuous", *option)


@pytest.mark.acceptance
def test_a_process_of_its_own_finds_a_deleted_row_within_a_minute(it: Audited, tmp_path: Path) -> None:
    ids = it.emit("a", 5)
    OutboxEvent.objects.update(source=SOURCE)  # the process has another one
    it.send(it.drain())
    log = tmp_path / "audit.log"
    arguments = [sys.executable, "manage.py", "outbox_audit", "--continuous", "--every", "5"]
    environment = os.environ | environment_of_tests() | {"KAFKA_BOOTSTRAP_SERVERS": it.bootstrap}
    with (
        log.open("wb") as output,
        subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=output) as process,
    ):
        try:
            wait_until(
                lambda: ContinuousAudit.objects.filter(until__isnull=False).exists(), 60, "all is proved"
            )
            delete_row(ids[2])
            wait_until(is_different, 60, "the row is missed")
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert "Outbox and Kafka are different" in log.read_text()
    assert row().owner is None
