"""What commands ask and print at a terminal, in a pipe, and of keys that a stranger has chosen."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from outbox.models import Hold
from tests.admin.conftest import Log
from tests.people.orders import due


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal at which somebody gives these answers."""
    answers: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answers.pop(0))
    return answers


def test_at_a_terminal_a_filter_is_confirmed_and_ids_are_not(holds: list[Hold], terminal: list[str]) -> None:
    terminal += ["n", "y"]
    with pytest.raises(CommandError, match="Nothing was changed") as error:
        call_command("outbox_release", all=True)
    assert (error.value.returncode, due()) == (2, 0)
    call_command("outbox_release", cause="topic-missing")
    assert due() == 5
    call_command("outbox_release", holds[1].pk)
    call_command("outbox_release", all=True, yes=True)
    assert (due(), terminal) == (25, [])


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", ["outbox_status", "inbox_status"])
@pytest.mark.parametrize("flags", ["", "--json"])
def test_a_reader_who_leaves_is_no_error(command: str, flags: str) -> None:
    code = f"{sys.executable} manage.py {command} {flags} | true; echo ${{PIPESTATUS[0]}}"
    environment = {"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "shop.settings", "HOME": "/tmp"}
    environment["SHOP_DATABASE_URL"] = environment["CRM_DATABASE_URL"] = "postgresql://postgres@127.0.0.1:1/x"
    if command == "inbox_status":
        environment["DJANGO_SETTINGS_MODULE"] = "consumers.crm.settings"
    done = subprocess.run(
        ["bash", "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "2"


def test_a_failure_of_the_outbox_is_json_too(monkeypatch: pytest.MonkeyPatch, capsys: Any, db: None) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug\nDETAIL: Key (email)=(mara@example.org)")

    monkeypatch.setattr("outbox.status.read", fail)
    for arguments in (["--json"], ["--json", "--database", "nix"]):
        with pytest.raises(SystemExit) as end:
            call_command("outbox_status", *arguments)
        report = json.loads(capsys.readouterr().out)
        assert (end.value.code, report["exit_code"], report["state"]) == (2, 2, "unreadable")
        assert "mara@" not in json.dumps(report)


def test_keys_cannot_move_the_cursor(log: Log, capsys: Any) -> None:
    evil = "evil\n2026 CRITICAL relay: gone\x1b]0;x\x07\u202e"
    log.hold(log.insert(1, evil), key=evil)
    for command in (["outbox_release", "--all", "--dry-run"], ["outbox_status"], ["outbox_release", "--all"]):
        with suppress(SystemExit):
            call_command(*command)
    out = capsys.readouterr().out
    assert "\\n2026 CRITICAL" in out
    assert not any(row.startswith("2026") for row in out.splitlines())
    assert "\x1b]" not in out
    assert "\u202e" not in out
