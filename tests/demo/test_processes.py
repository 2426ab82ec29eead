"""The demo's children: watched while it runs, gone when it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo.errors import CommandFailed, ProcessEnded, TookTooLong
from demo.patience import Patience
from demo.processes import Processes
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import time; print('hello', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
PARENT = f"""
import sys, time
from pathlib import Path
from demo.processes import Processes
processes = Processes(Path(sys.argv[1]), {{}})
print(processes.start("child", [sys.executable, "-c", {SLEEP!r}], lasting=True).pid, flush=True)
time.sleep(600)
"""


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path, {"GREETING": "hello"})


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_leaving_the_context_stops_everything(processes: Processes) -> None:
    with processes:
        children = [processes.start(name, python(SLEEP), lasting=True) for name in ("one", "two")]
    assert [child.exit_code for child in children] == [-signal.SIGTERM, -signal.SIGTERM]


def test_a_child_that_does_not_stop_is_killed(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.processes.STOP_SECONDS", 0.2)
    with processes:
        child = processes.start("stubborn", python(STUBBORN), lasting=True)
        wait_until(lambda: "hello" in child.log.read_text(), 60, "the child is up")
    assert child.exit_code == -signal.SIGKILL


def test_children_do_not_outlive_a_demo_that_is_killed(tmp_path: Path) -> None:
    command = [*python(PARENT), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        pid = int(demo.stdout.readline())
        demo.kill()
    wait_until(lambda: not is_alive(pid), 60, "the child is gone")


def test_one_that_ends_on_its_own_is_named_with_the_end_of_its_log(processes: Processes) -> None:
    with processes:
        child = processes.start("relay-7", python("print('last words'); exit(3)"), lasting=True)
        wait_until(lambda: child.exit_code is not None, 60, "the child ends")
        with pytest.raises(ProcessEnded, match=r"relay-7 ended on its own \(exit code 3\)(?s:.*)last words"):
            processes.check()


def test_one_that_was_killed_on_purpose_is_not_missed(processes: Processes) -> None:
    with processes:
        processes.kill(processes.start("victim", python(SLEEP), lasting=True))
        processes.check()


def test_a_command_that_fails_is_named_with_the_end_of_its_log(processes: Processes) -> None:
    with processes:
        child = processes.start("migrate", python("exit('no such table')"), lasting=False)
        wait_until(lambda: child.exit_code is not None, 60, "the command ends")
        processes.check()
        with pytest.raises(CommandFailed, match=r"migrate failed \(exit code 1\)(?s:.*)no such table"):
            processes.finished(child)


def test_one_that_is_started_again_goes_on_in_the_same_log(processes: Processes) -> None:
    with processes:
        child = processes.start("relay", python(SLEEP), lasting=True)
        wait_until(lambda: "hello" in child.log.read_text(), 60, "the child is up")
        processes.kill(child)
        again = processes.again(child)
        wait_until(lambda: child.log.read_text().count("hello") == 2, 60, "it is up again")
        assert again.pid != child.pid


def test_what_makes_no_progress_is_named_with_its_log(processes: Processes) -> None:
    now = 0.0
    with processes:
        child = processes.start("crm", python(SLEEP), lasting=True)
        wait_until(lambda: "hello" in child.log.read_text(), 60, "the child is up")
        patience = Patience("The consumer crm", [child], seconds=60, clock=lambda: now)
        patience.see(1)
        now = 59.0
        patience.see(2)
        now = 118.0
        patience.see(2)
        now = 120.0
        with pytest.raises(TookTooLong, match=r"The consumer crm: no progress for 60 s \(at 2\)(?s:.*)hello"):
            patience.see(2)
