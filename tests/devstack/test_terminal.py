from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

from tests.devstack.conftest import COMMAND, Server
from tests.waiting import wait_until

CTRL_C = b"\x03"


def test_ctrl_c_reaches_the_command_first_and_its_services_stop_afterwards(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Typed into a terminal in whose foreground devstack runs."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        program = [
            sys.executable,
            "-m",
            "devstack",
            "run",
            "--postgres-only",
            "--",
            sys.executable,
            str(COMMAND),
        ]
        os.execve(sys.executable, program, environ)
    shown = _read_until(terminal, b"postgres\r\n", after=b"running ")
    server = Server.at(shown.rpartition("running ")[2].strip())
    os.write(terminal, CTRL_C)
    assert _read_until(terminal, b"served to the end\r\n").count("served to the end") == 1
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 5
    assert server.is_gone()


def _read_until(terminal: int, end: bytes, *, after: bytes = b"") -> str:
    shown = b""

    def read() -> bool:
        nonlocal shown
        shown += os.read(terminal, 4096)
        return shown.rpartition(after)[2].endswith(end) if after in shown else False

    wait_until(read, 60, f"the terminal shows {end!r}")
    return shown.decode()
