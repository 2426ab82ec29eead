"""The same verbs by command: what they print, how they end, and that --dry-run changes nothing."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from outbox.models import Held, Hold, Ledger, OutboxEvent
from tests.admin.conftest import Log
from tests.relay.processes import environment_of_tests

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object, **options: Any) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(*map(str, arguments), stdout=out, **options)
    return out.getvalue()


def probe(*arguments: str) -> tuple[int, str]:
    """The exit code of outbox_status, and what it prints."""
    out = StringIO()
    with pytest.raises(SystemExit) as exit_:
        call_command("outbox_status", *arguments, stdout=out)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code, out.getvalue()


def test_the_status_ends_with_0_when_all_is_well(log: Log) -> None:
    log.relay()
    log.insert(1)
    code, text = probe()
    assert code == 0
    assert text.startswith("outbox of database default: ok\n")
    assert "\033" not in text


def test_the_status_ends_with_1_for_what_needs_a_look(log: Log) -> None:
    log.relay()
    log.insert(1, age=30)
    assert probe("--max-age", "60")[0] == 0
    assert probe("--max-age", "20")[0] == 1
    assert probe("--max-pending", "0")[0] == 1
    log.hold(log.insert(2))
    code, text = probe()
    assert code == 1
    assert "1 event is held" in text
    assert "key k of test.notes" in text


def test_the_status_ends_with_2_when_nothing_is_published(log: Log) -> None:
    code, text = probe()
    assert code == 2
    assert "Start a relay: `manage.py run_relay`" in text


def test_the_status_as_json(log: Log) -> None:
    relay = log.relay()
    log.insert(1)
    code, text = probe("--json")
    report = json.loads(text)
    assert report["exit_code"] == code == 0
    assert (report["state"], report["pending"], report["relays_alive"]) == ("ok", 1, 1)
    assert report["shards"][0]["owner"] == str(relay)


@pytest.mark.parametrize(
    "command",
    [["outbox_status"], ["outbox_release", "1"], ["outbox_prune"], ["outbox_shards", "2"], ["outbox_rebase"]],
)
def test_a_database_that_is_not_there_is_one_clear_message_and_no_traceback(command: list[str]) -> None:
    nowhere = {
        "SHOP_DATABASE_URL": "postgresql://postgres@127.0.0.1:1/shop",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (2 if command == ["outbox_status"] else 1)
    said = done.stdout + done.stderr
    assert "Database 'default' does not answer" in said
    assert "DATABASES['default']" in said
    assert "Traceback" not in said


def test_release_by_id_by_topic_and_by_cause(log: Log) -> None:
    first = log.hold(log.insert(1), key="a")
    second, third = log.hold(key="b", reason="topic-missing"), log.hold(topic="test.parcels", key="c")
    paused = log.hold(reason="paused", key=None)
    text = run("outbox_release", first.pk)
    assert f"Hold {first.pk} (poison) of key a of test.notes: 1 waiting" in text
    assert "Released 1 hold" in text
    assert "already" in run("outbox_release", first.pk)
    run("outbox_release", cause="topic-missing")
    run("outbox_release", topic="test.parcels")
    assert {hold.pk for hold in Hold.objects.with_due() if hold.due} == {first.pk, second.pk, third.pk}
    with pytest.raises(CommandError, match=r"outbox_resume test\.notes"):
        run("outbox_release", paused.pk)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say which"),
        (["4711"], r"There is no hold 4711\."),
        (["--topic", "nix"], "No hold matches"),
    ],
)
def test_release_of_nothing_says_what_is_wrong(log: Log, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message) as error:
        run("outbox_release", *arguments)
    assert error.value.returncode == 2


def test_pause_and_resume(log: Log) -> None:
    assert run("outbox_pause", "test.notes", detail="INC-1").startswith("Paused topic test.notes")
    assert "paused already" in run("outbox_pause", "test.notes")
    assert Hold.objects.get().detail == "INC-1"
    assert "resumed" in run("outbox_resume", "test.notes")
    assert Hold.objects.with_due().get().due


def test_a_topic_that_no_event_has_is_paused_only_if_that_is_meant(log: Log) -> None:
    with pytest.raises(CommandError, match=r"Did you mean 'test\.parcels'\?"):
        run("outbox_pause", "test.parcel")
    run("outbox_pause", "test.parcel", any_topic=True)
    assert Hold.objects.get().topic == "test.parcel"


def test_resuming_what_is_not_paused_names_what_is(log: Log) -> None:
    run("outbox_pause", "test.notes")
    with pytest.raises(CommandError, match=r"'test\.parcels' is not paused\. Paused: test\.notes"):
        run("outbox_resume", "test.parcels")


def test_discard_keeps_the_reason_with_the_event(log: Log) -> None:
    event = OutboxEvent.objects.get(pk=log.insert(1))
    log.hold(event.pk, log.insert(2))
    text = run("outbox_discard", event.event_id, reason="sent twice")
    assert f"Event {event.event_id} (test.note)" in text
    assert "Discarded 1 event." in text
    assert Held.objects.get(event=event).discard_reason == "sent twice"
    with pytest.raises(CommandError, match="is discarded, and only a held one"):
        run("outbox_discard", event.event_id, reason="again")


def test_discard_of_what_is_not_held_says_what_it_is(log: Log) -> None:
    event = OutboxEvent.objects.get(pk=log.insert(1))
    with pytest.raises(CommandError, match=r"is pending.* Pause topic test\.notes first"):
        run("outbox_discard", event.event_id, reason="x")
    log.position("9:9:")
    with pytest.raises(CommandError, match="is published"):
        run("outbox_discard", event.event_id, reason="x")
    with pytest.raises(CommandError, match="There is no event"):
        run("outbox_discard", UUID(int=1), reason="x")
    log.hold(event.pk)
    with pytest.raises(CommandError, match="needs a reason"):
        run("outbox_discard", event.event_id, reason=" ")


def test_a_dry_run_says_the_same_and_changes_nothing(log: Log) -> None:
    event = OutboxEvent.objects.get(pk=log.insert(1))
    hold = log.hold(event.pk)
    assert run("outbox_release", hold.pk, dry_run=True).startswith("Would release 1 hold")
    assert run("outbox_discard", event.event_id, reason="x", dry_run=True).startswith("Would discard 1 event")
    assert run("outbox_pause", "test.notes", dry_run=True).startswith("Dry run: Paused")
    assert Hold.objects.get() == hold
    assert Hold.objects.get().release_at is None
    assert Held.objects.waiting().count() == 1
    assert not Ledger.objects.exists()


def test_the_ledger_says_who_ran_a_command_and_for_whom(log: Log) -> None:
    shell = f"{getpass.getuser()}@{socket.gethostname()}"
    run("outbox_release", log.hold(key="a").pk)
    assert Ledger.objects.get().who == shell
    User.objects.create_user("mara")
    run("outbox_release", log.hold(key="b").pk, user="mara")
    assert Ledger.objects.latest("pk").who == f"mara ({shell})"
    run("outbox_pause", "test.parcels", detail="INC-1")
    assert (Ledger.objects.latest("pk").verb, Ledger.objects.latest("pk").reason) == ("pause", "INC-1")
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        run("outbox_release", log.hold(key="c").pk, user="nobody")


def test_what_changes_nothing_is_not_in_the_ledger(log: Log) -> None:
    hold = log.hold()
    run("outbox_release", hold.pk)
    run("outbox_release", hold.pk)
    run("outbox_release", all=True)
    assert Ledger.objects.count() == 1
    assert Ledger.objects.get().count == 1


@pytest.mark.parametrize("limit", ["--max-age=-5", "--max-age=nan", "--max-pending=-1", "--max-pending=1.5"])
@pytest.mark.parametrize("command", ["outbox_status", "inbox_status"])
def test_a_limit_that_nothing_keeps_is_a_mistake(command: str, limit: str) -> None:
    """The status would always be "behind"."""
    with pytest.raises(CommandError, match="number, 0 or more"):
        call_command(command, limit)


@pytest.mark.parametrize("name", ["", "a b", ".."])
@pytest.mark.parametrize("command", ["outbox_replay --all --to", "outbox_pause", "outbox_audit --topic"])
def test_a_name_that_no_topic_can_have_is_a_mistake(command: str, name: str) -> None:
    """A replay would go nowhere, or, without a name, to the consumers of the events' own topics."""
    with pytest.raises(CommandError, match="cannot be the name of a topic"):
        call_command(*command.split(), name)


@pytest.mark.parametrize("rate", ["0", "-1", "nan"])
@pytest.mark.parametrize("command", ["outbox_replay --all --rate", "outbox_audit --operation --rate"])
def test_a_rate_is_above_nothing(command: str, rate: str) -> None:
    with pytest.raises(CommandError, match="is not a number above 0"):
        call_command(*command.split(), rate)


@pytest.mark.parametrize("output", [">/dev/full", ">&-", ">&- 2>&-"])
@pytest.mark.parametrize("command", ["outbox_prune", "outbox_rebase", "outbox_shards 2", "outbox_status"])
def test_a_reader_that_has_left_or_never_was_is_no_error(log: Log, command: str, output: str) -> None:
    """What was done is done: the exit code says so, and no stack trace."""
    dry = "" if command == "outbox_status" else "--dry-run"
    run = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} manage.py {command} {dry} {output}"],
        cwd=ROOT, env={**os.environ, **environment_of_tests()},
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0 if dry else 2, "")
