"""Ctrl-C in a terminal."""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

from tests.devstack.conftest import COMMAND, PATIENCE, Server
from tests.waiting import wait_until

RUN = ("-m", "devstack", "run", "--postgres-only", "--")
CTRL_C = b"\x03"


def test_ctrl_c_reaches_the_command_first_and_its_services_stop_afterwards(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Typed into a terminal in whose foreground devstack runs."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, *RUN, sys.executable, str(COMMAND)], environ)
    found = _read(terminal, rb"running (\S+)\r\n")
    server = Server.at(found[1].decode())
    os.write(terminal, CTRL_C)
    _read(terminal, rb"served to the end\r\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 5
    assert server.is_gone()


def _read(terminal: int, pattern: bytes) -> re.Match[bytes]:
    """Read on until the terminal has shown what matches."""
    shown = b""

    def read() -> re.Match[bytes] | None:
        nonlocal shown
        shown += os.read(terminal, 4096)
        return re.search(pattern, shown)

    wait_until(read, PATIENCE, f"the terminal shows {pattern!r}")
    found = re.search(pattern, shown)
    assert found
    return found
