"""``devstack up``, ``status`` and ``down``: services for a day's work in one folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.devstack.conftest import Server
from tests.waiting import wait_until

Verb = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def verb(tmp_path: Path, environ: dict[str, str]) -> Iterator[Verb]:
    """Runs one verb in the folder of the test; takes down what the test leaves up."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "devstack", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    yield run
    run("down")


def test_services_stay_up_until_they_are_taken_down(verb: Verb) -> None:
    up = verb("up", "--postgres-only")
    assert up.returncode == 0, up.stderr
    server = Server.at(_exported(up.stdout))
    status = verb("status")
    assert (status.returncode, status.stdout) == (0, f"DATABASE_URL={server.url} answers\n")
    assert verb("down").returncode == 0
    assert server.is_gone()
    assert verb("status").returncode == 1


def test_up_twice_is_the_same_services(verb: Verb) -> None:
    first, second = verb("up", "--postgres-only"), verb("up", "--postgres-only")
    assert first.stdout == second.stdout
    assert "already" in second.stderr


def test_status_says_when_a_server_is_up_no_more(verb: Verb) -> None:
    server = Server.at(_exported(verb("up", "--postgres-only").stdout))
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    subprocess.run(["kill", f"-{signal.SIGQUIT.value}", str(postmaster)], check=True)
    wait_until(lambda: verb("status").returncode == 1, 60, "status sees it")
    assert "DOES NOT ANSWER" in verb("status").stdout


def test_down_and_status_say_that_nothing_is_there(verb: Verb) -> None:
    assert verb("status").returncode == 1
    down = verb("down")
    assert down.returncode == 0
    assert "nothing is kept here" in down.stderr


def _exported(stdout: str) -> str:
    name, _, value = stdout.strip().removeprefix("export ").partition("=")
    assert name == "DATABASE_URL"
    return value
