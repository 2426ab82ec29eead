"""A continuous audit through repairs, retention, outages, other processes and a reset; and its command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from outbox import status
from outbox.models import ContinuousAudit, Ledger, OutboxEvent
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.report import State
from relay import signals
from relay.audit.continuous.auditor import Auditor
from relay.audit.log import Log
from tests.relay.auditors import (
    SECONDS,
    MakeAuditor,
    auditor,
    auditors,
    configure,
    delete_records,
    delete_row,
    first,
    is_different,
    plain_reader,
    prove,
    publish,
    row,
    turn_until,
)
from tests.relay.audits import SOURCE, Audited, it
from tests.relay.conftest import Writer, pause
from tests.relay.processes import ROOT, environment_of_tests
from tests.waiting import wait_until

__all__ = ["auditor", "auditors", "it"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_kafka]


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


def test_only_a_continuous_audit_has_a_pause(it: Audited) -> None:
    with pytest.raises(CommandError, match="--continuous only"):
        call_command("outbox_audit", "--every", "5")


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
