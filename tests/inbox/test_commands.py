"""The commands: what they print, what they do, how they exit."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from inbox.conf import settings as inbox_settings
from inbox.handling.routing import Identity
from inbox.models import HeldEvent, Instance, Ledger, Processed
from inbox.status.lag import Asking, Lag
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> tuple[int, str]:
    """The exit code of a command and what it says."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def alive(name: str = "crm", **values: object) -> Instance:
    process = {"host": "h", "pid": 1, "state": "running"}
    return Instance.objects.create(id=uuid4(), consumer=name, **{**process, **values})


@pytest.fixture
def held(consumer: MemoryConsumer, effects: Effects) -> MemoryConsumer:
    effects.fails["poison"] = raising(ValueError("no such customer"))
    send_steps(consumer, "a", 1, fail="poison")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "b", 1, fail="poison")
    consumer.drain()
    return consumer


@pytest.fixture
def lag(monkeypatch: pytest.MonkeyPatch) -> dict[str, Lag]:
    """What Kafka and the database would say about each consumer; nothing waits for those that are
    not here.
    """
    known: dict[str, Lag] = {}
    monkeypatch.setattr(Asking, "lag", lambda _, consumer, topics, database: known.get(consumer, Lag(0)))
    return known


@pytest.fixture(autouse=True)
def nothing_waits(lag: dict[str, Lag]) -> None:
    """Unless a test says otherwise."""


def status(*arguments: str) -> tuple[int, Any]:
    """The exit code of inbox_status, and its report."""
    code, text = run("inbox_status", "--json", *arguments)
    return code, json.loads(text)


def states(report: Any) -> list[str]:
    return [problem["state"] for problem in report["problems"]]


def test_status_of_a_consumer_that_is_well(db: None) -> None:
    alive(progress_at=Now() - timedelta(minutes=2))
    code, report = status("crm")
    assert (code, report["state"], report["problems"]) == (0, "ok", [])
    assert "2 min ago" in run("inbox_status", "crm")[1]


def test_status_of_a_consumer_that_is_down(db: None) -> None:
    alive(heartbeat_at=Now() - timedelta(minutes=5))
    code, report = status("crm")
    assert (code, states(report)) == (2, ["no consumer"])
    assert "manage.py run_consumer crm" in report["problems"][0]["remedy"]


def test_status_of_a_consumer_that_waits(db: None) -> None:
    alive(state="waiting", detail="Kafka: gone")
    code, report = status("crm")
    assert (code, states(report)) == (1, ["degraded"])
    assert "Kafka: gone" in report["problems"][0]["text"]


def test_status_looks_at_the_lag(db: None, lag: dict[str, Lag]) -> None:
    alive()
    lag["crm"] = Lag(101, timezone.now() - timedelta(minutes=2))
    assert run("inbox_status", "crm", "--max-lag", "101")[0] == 0
    assert status("crm", "--max-pending", "100")[0] == 1
    assert states(status("crm", "--max-age", "60")[1]) == ["behind"]
    assert status("crm", "--max-age", "180")[0] == 0


def test_a_record_whose_age_is_not_known_is_too_old_where_there_is_a_limit(
    db: None, lag: dict[str, Lag]
) -> None:
    alive()
    lag["crm"] = Lag(1)
    assert status("crm")[0] == 0
    assert states(status("crm", "--max-age", "3600")[1]) == ["behind"]


def test_a_lag_that_is_not_known_is_said(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    alive()
    monkeypatch.setattr("inbox.conf.Settings.kafka_client", lambda _: (["127.0.0.1:1"], {}))
    code, report = status("crm")
    assert (code, states(report)) == (1, ["degraded"])
    assert "127.0.0.1:1" in report["problems"][0]["text"]


def test_status_groups_what_is_held_by_its_cause(db: None) -> None:
    alive()
    row = {"topic": "t", "partition": 0, "record": b""}
    for number in range(6):
        error = "" if number == 5 else f"ValueError: no customer {number}"
        HeldEvent.objects.create(consumer="crm", event_id=str(number), offset=number, error=error, **row)
    HeldEvent.objects.filter(event_id="2").discard(by="me", reason="")
    HeldEvent.objects.filter(event_id="1").release()
    code, report = status("crm")
    assert (code, states(report), report["held"]) == (1, ["held"], 5)
    causes = [(c["reason"], c["topic"], c["events"], c["releasing"]) for c in report["causes"]]
    assert causes == [("ValueError", "t", 4, 1), ("behind its key", "t", 1, 0)]
    assert "inbox_release" in report["problems"][0]["remedy"]


def test_counts_that_stop_at_a_bound_say_so(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbox.status.causes.COUNT_UP_TO", 3)
    row = {"topic": "t", "partition": 0, "record": b"", "error": "E: x"}
    for number in range(5):
        HeldEvent.objects.create(consumer="crm", event_id=str(number), offset=number, **row)
    report = status("crm")[1]
    assert (report["held"], report["held_capped"], report["causes"][0]["capped"]) == (3, True, True)
    assert "At least 3 events" in run("inbox_status", "crm")[1]


def test_status_needs_nobody_for_what_is_tried_again_by_itself(db: None) -> None:
    alive()
    row = {"topic": "t", "partition": 0, "offset": 0, "record": b"", "error": "E: x"}
    HeldEvent.objects.create(consumer="crm", event_id="1", retry_at=Now(), **row)
    code, report = status("crm")
    assert (code, report["held"], report["problems"]) == (0, 1, [])
    assert (report["consumers"][0]["retrying"], report["consumers"][0]["undecided"]) == (1, 0)
    HeldEvent.objects.update(held_at=Now() - timedelta(minutes=2))
    code, report = status("crm")
    assert (code, states(report)) == (1, ["degraded"])
    HeldEvent.objects.update(retry_at=None)
    code, report = status("crm")
    assert (code, states(report)) == (1, ["held"])


def test_status_of_all_as_json(db: None) -> None:
    alive("crm")
    code, report = status()
    found = {each["consumer"]: each for each in report["consumers"]}
    assert code == report["exit_code"] == 2, "the worst of them"
    assert set(found) == {"analytics", "crm", "notifications"}
    assert (found["crm"]["lag"], found["crm"]["instances"]) == (0, 1)


def test_unknown_consumer_is_a_usage_error_also_as_json(db: None) -> None:
    for command in ("inbox_status", "run_consumer"):
        code, text = run(command, "cmr")
        assert code == 2
        assert "Did you mean 'crm'?" in text
    code, report = status("cmr")
    assert (code, report["state"]) == (2, "unreadable")
    assert status("--database", "nix")[0] == 2


@pytest.mark.parametrize(
    "command",
    [
        ["inbox_prune"],
        ["inbox_release", "--all"],
        ["inbox_discard", "--all", "--reason", "x"],
        ["inbox_status"],
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_database_is_one_line_that_names_the_known_ones(db: None, command: list[str]) -> None:
    code, text = run(*command, "--database", "nix")
    assert code == (2 if command == ["inbox_status"] else 1)
    assert "'nix'" in text
    assert "default" in text


@pytest.mark.parametrize("command", [["inbox_prune"], ["inbox_release", "--all"]], ids=lambda c: c[0])
def test_wrong_settings_are_one_line(db: None, settings: Settings, command: list[str]) -> None:
    settings.INBOX = {"CONSUMER": {}}
    code, text = run(*command)
    assert (code, "CONSUMER" in text) == (1, True)


def test_a_failure_is_json_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug\nDETAIL: Key (email)=(mara@example.org)")

    monkeypatch.setattr("inbox.status.report.statuses", fail)
    code, report = status("crm")
    assert (code, report["problems"][0]["text"]) == (2, "RuntimeError: a bug")


def test_release_needs_to_be_told_what(held: MemoryConsumer) -> None:
    assert run("inbox_release")[0] == 2
    assert run("inbox_release", "nosuch")[0] == 2
    assert run("inbox_release", "--topic", "nosuch")[0] == 2
    assert not Ledger.objects.exists()


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
    assert [entry.count for entry in Ledger.objects.order_by("pk")] == [2, 1]


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
    assert Ledger.objects.count() == 1


def test_discard_needs_a_reason_and_keeps_it(held: MemoryConsumer) -> None:
    assert run("inbox_discard", "a-1")[0] != 0
    assert run("inbox_discard", "a-1", "--reason", " ")[0] != 0
    assert "Would discard 1 event" in run("inbox_discard", "a-1", "--reason", "x", "--dry-run")[1]
    code, text = run("inbox_discard", "a-1", "--reason", "test order")
    assert (code, "Discarded 1 event" in text) == (0, True)
    gone = HeldEvent.objects.exclude(discarded_at=None).get()
    assert (gone.event_id, gone.discard_reason) == ("a-1", "test order")
    entry = Ledger.objects.get()
    assert (entry.verb, entry.reason, entry.count, entry.outcome) == ("discard", "test order", 1, "done")
    assert gone.discarded_by == entry.who == f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.mark.django_db(transaction=True)
def test_prune_forgets_what_is_old(settings: Settings) -> None:
    settings.INBOX = {**settings.INBOX, "RETENTION_DAYS": 3}
    assert inbox_settings().retention_days == 3
    ids = [Identity("/s", str(number)) for number in range(12_000)]
    Processed.objects.claim("c", ids)
    Processed.objects.exclude(event_id="7").update(processed_at=Now() - timedelta(days=4))
    for number, days in enumerate((2, 4, None)):
        discarded_at = None if days is None else Now() - timedelta(days=days)
        row = {"topic": "t", "partition": 0, "offset": 0, "record": b"", "discarded_at": discarded_at}
        HeldEvent.objects.create(consumer="c", event_id=str(number), **row)
    dry = run("inbox_prune", "--dry-run", "--verbosity", "0")
    what = "the notes of 11,999 handled events and 1 discarded event older than 3 days.\n"
    assert dry == (0, f"Would delete {what}")
    assert run("inbox_prune", "--verbosity", "0") == (0, f"Deleted {what}")
    assert list(Processed.objects.values_list("event_id", flat=True)) == ["7"]
    assert set(HeldEvent.objects.values_list("event_id", flat=True)) == {"0", "2"}


@pytest.mark.django_db(transaction=True)
def test_prune_keeps_the_notes_of_held_events(settings: Settings) -> None:
    Processed.objects.claim("c", [Identity("/s", "held"), Identity("/s", "handled")])
    row = {"topic": "t", "partition": 0, "offset": 0, "record": b""}
    HeldEvent.objects.create(consumer="c", source="/s", event_id="held", **row)
    for dry in (["--dry-run"], []):
        text = run("inbox_prune", "--older-than", "0", *dry)[1]
        assert "the notes of 1 handled event and 0 discarded events" in text
    assert list(Processed.objects.values_list("event_id", flat=True)) == ["held"]


@pytest.mark.django_db(transaction=True)
def test_prune_deletes_discarded_events_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement over millions of rows would lock them, and be lost when it is interrupted."""
    monkeypatch.setattr("inbox.management.commands.inbox_prune.CHUNK", 2)
    row = {"topic": "t", "partition": 0, "record": b""}
    for number in range(6):
        HeldEvent.objects.create(consumer="c", event_id=str(number), offset=number, **row)
    HeldEvent.objects.exclude(event_id="5").discard(by="me", reason="")
    with CaptureQueriesContext(connection) as queries:
        text = run("inbox_prune", "--older-than", "0")[1]
    deletes = [query for query in queries if query["sql"].startswith('DELETE FROM "inbox_held"')]
    assert (len(deletes), "5 discarded events" in text) == (3, True)
    assert HeldEvent.objects.get().event_id == "5"


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "x"])
@pytest.mark.django_db(transaction=True)
def test_prune_refuses_an_age_that_would_delete_new_notes(days: str) -> None:
    Processed.objects.claim("c", [Identity("/s", "1")])
    assert run("inbox_prune", f"--older-than={days}")[0] != 0
    assert Processed.objects.exists()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["inbox_status"], 2),
        (["inbox_release", "--all"], 1),
        (["inbox_discard", "--all", "--reason", "gone"], 1),
        (["inbox_prune"], 1),
    ],
)
def test_a_database_that_is_not_there_is_one_line_and_no_traceback(command: list[str], code: int) -> None:
    nowhere = {
        "CRM_DATABASE_URL": "postgresql://postgres@127.0.0.1:1/crm",
        "DJANGO_SETTINGS_MODULE": "consumers.crm.settings",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert "Database 'default' does not answer: connection failed" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
