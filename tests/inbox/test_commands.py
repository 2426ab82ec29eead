"""The commands: what they print, what they do, how they exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django import Settings

from inbox.conf import settings as inbox_settings
from inbox.delivery import Identity
from inbox.models import Instance, Parked, Processed
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


def status(*arguments: str) -> tuple[int, str]:
    """The exit code of inbox_status for the CRM, and its first line."""
    code, text = run("inbox_status", "crm", *arguments)
    return code, text.splitlines()[0]


def alive(name: str = "crm", **values: object) -> Instance:
    process = {"host": "h", "pid": 1, "state": "running", "lag": 7}
    return Instance.objects.create(id=uuid4(), consumer=name, **{**process, **values})


@pytest.fixture
def parked(consumer: MemoryConsumer, effects: Effects) -> MemoryConsumer:
    effects.fails["poison"] = raising(ValueError("no such customer"))
    send_steps(consumer, "a", 1, fail="poison")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "b", 1, fail="poison")
    consumer.drain()
    return consumer


def test_status_of_a_consumer_that_is_well(db: None) -> None:
    alive(progress_at=Now() - timedelta(minutes=2))
    assert status() == (0, "crm: 1 running, lag 7, last event 2\xa0minutes ago")


def test_status_of_a_consumer_that_is_down(db: None) -> None:
    alive(heartbeat_at=Now() - timedelta(minutes=5))
    assert status() == (2, "crm: DOWN: no consumer is alive")
    assert run("inbox_status", "crm", "--live")[0] == 2


def test_status_of_a_consumer_that_waits(db: None) -> None:
    alive(state="waiting", detail="Kafka: gone")
    assert status() == (1, "crm: 1 running, lag 7, waits for Kafka: gone")
    assert run("inbox_status", "crm", "--live")[0] == 0


def test_status_looks_at_the_lag_if_told_to(db: None) -> None:
    alive(lag=100)
    alive(lag=1)
    assert run("inbox_status", "crm", "--max-lag", "101")[0] == 0
    assert status("--max-lag", "100") == (1, "crm: 2 running, lag 101")


def test_status_counts_what_is_parked(db: None) -> None:
    alive()
    row = {"topic": "t", "partition": 0, "record": b""}
    for number in range(3):
        Parked.objects.create(consumer="crm", event_id=str(number), offset=number, lane=number, **row)
    Parked.objects.filter(event_id="2").discard(by="me", reason="")
    Parked.objects.filter(event_id="1").requeue()
    code, text = run("inbox_status", "crm")
    assert code == 0, "what has just been requeued needs nobody"
    Parked.objects.filter(event_id="0").update(error="ValueError: x")
    assert run("inbox_status", "crm")[0] == 1
    assert "2 held (0 until somebody requeues or discards them, 1 are tried again" in text


def test_status_of_all_as_json(db: None) -> None:
    alive("crm")
    code, text = run("inbox_status", "--json")
    found = {status["consumer"]: status for status in json.loads(text)}
    assert code == 2, "the worst of them"
    assert set(found) == {"analytics", "crm", "notifications"}
    assert (found["crm"]["exit_code"], found["crm"]["lag"], found["crm"]["instances"]) == (0, 7, 1)


def test_unknown_consumer_is_a_usage_error(db: None) -> None:
    for command in ("inbox_status", "run_consumer"):
        code, text = run(command, "cmr")
        assert code == 2
        assert "no consumer 'cmr', did you mean 'crm'?" in text


def test_requeue_needs_to_be_told_what(parked: MemoryConsumer) -> None:
    assert run("inbox_requeue")[0] == 2
    assert run("inbox_requeue", "nosuch") == (2, "no parked event is meant by that")


def test_requeue_takes_the_rest_of_the_key_along(parked: MemoryConsumer, effects: Effects) -> None:
    code, text = run("inbox_requeue", "a-1", "--dry-run")
    assert (code, text.splitlines()) == (
        0,
        [
            "test test a test.step a-1: ValueError: no such customer",
            "test test a test.step a-2: waits behind its key",
            "2 would be requeued",
        ],
    )
    assert not Parked.objects.exclude(requeued_at=None).exists()
    Instance.objects.all().delete()
    code, text = run("inbox_requeue", "--key", "a", "--topic", "test", "--consumer", "test")
    assert text == "2 requeued\nthey wait until a consumer is running: manage.py run_consumer test\n"
    effects.fails.clear()
    parked.take_up()
    assert effects.of("a") == [1, 2]
    assert run("inbox_requeue", "--all")[1].startswith("1 requeued\n")


def test_discard_needs_a_reason_and_keeps_it(parked: MemoryConsumer) -> None:
    assert run("inbox_discard", "a-1")[0] != 0
    assert run("inbox_discard", "a-1", "--reason", "x", "--dry-run")[1].endswith("1 would be discarded\n")
    assert run("inbox_discard", "a-1", "--reason", "test order") == (0, "1 discarded\n")
    gone = Parked.objects.exclude(discarded_at=None).get()
    assert (gone.event_id, gone.discard_reason) == ("a-1", "test order")
    assert gone.discarded_by.endswith("(command)")


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
        Parked.objects.create(consumer="c", event_id=str(number), **row)
    dry = run("inbox_prune", "--dry-run", "--verbosity", "0")
    assert dry == (0, "11999 handled and 1 discarded events would go\n")
    _code, text = run("inbox_prune", "--verbosity", "0")
    assert text.startswith("11999 handled and 1 discarded events from before ")
    assert list(Processed.objects.values_list("event_id", flat=True)) == ["7"]
    assert set(Parked.objects.values_list("event_id", flat=True)) == {"0", "2"}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["inbox_status"], 2),
        (["inbox_requeue", "--all"], 1),
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
    assert "CommandError: database 'default': connection failed" in done.stderr
    assert "Traceback" not in done.stderr
