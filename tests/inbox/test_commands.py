"""Commands that cannot do their work: one line, and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.inbox.operators import run, status

ROOT = Path(__file__).resolve().parents[2]


def test_unknown_consumer_is_a_usage_error_also_as_json(db: None) -> None:
    for command in ("inbox_status", "run_consumer"):
        code, text = run(command, "cmr")
        assert code == 2
        assert "Did you mean 'crm'?" in text
    code, report = status("cmr")
    assert (code, report["state"]) == (2, "unreadable")
    assert status("--database", "nix")[0] == 2


def test_processes_that_are_too_many_with_their_workers_are_a_usage_error(settings: Settings) -> None:
    settings.INBOX = {"CONSUMERS": {"crm": {"TOPICS": ["shop.orders"], "WORKERS": 100}}}
    code, text = run("run_consumer", "crm", "--processes", "3")
    assert code == 2
    assert "3 processes with 100 WORKERS each are more than 256 processes: each has the memory" in text


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
