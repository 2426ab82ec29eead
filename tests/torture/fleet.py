"""The relays of a run, supervised as an orchestrator would: one that ends is started again at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from outbox_core.process.exit_codes import ExitCode
from tests.torture.points import Points

ROOT = Path(__file__).resolve().parents[2]
LOOK_EVERY_SECONDS = 0.1
END_SECONDS = 45.0
LEASE_GONE = b"The lease ran out with a wave in flight"


class Member:
    """One relay process."""

    def __init__(self, folder: Path, number: int, environ: Mapping[str, str]) -> None:
        self.log = folder / f"relay-{number}.log"
        self.asked_to_end = False
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", environ.get("TORTURE_PROGRAM", "tests.torture.relay"), str(folder)],
                cwd=ROOT,
                env={**os.environ, **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def has_lost_its_lease(self) -> bool:
        """Whether it had to end at once, whatever it was asked: it was frozen with a wave in flight."""
        return LEASE_GONE in self.log.read_bytes()

    def end(self, number: signal.Signals) -> None:
        """Send a signal; the exit code will be no surprise. A second SIGTERM would force its end, so it gets
        one only.
        """
        if number != signal.SIGTERM or not self.asked_to_end:
            self.process.send_signal(number)
        self.asked_to_end = True


class Fleet:
    """``size`` relays, restarted whatever ends them. ``exits`` counts how they ended of themselves. Each has
    one of ``turns`` in its environment, too, and the next relay the next one.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        size: int,
        turns: Sequence[Mapping[str, str]] = ({},),
    ) -> None:
        self.folder = folder
        self.points = Points(folder)
        self.exits: Counter[int] = Counter()
        self.failed_to_leave: Counter[int] = Counter()
        self.killed: set[int] = set()
        """The pids of those that ended with SIGKILL."""
        self._environ = dict(environ)
        self._turns = turns
        self._size = size
        self._started = 0
        self._members: list[Member] = []
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="fleet", daemon=True)

    def start(self) -> None:
        self._look()
        self._thread.start()

    def members(self) -> list[Member]:
        """Those that run now, in the order of their start."""
        with self._lock:
            return [member for member in self._members if member.is_running]

    def start_another(self, **environ: str) -> Member:
        """One more that is not started again, in an environment that differs."""
        with self._lock:
            return self._start(**environ)

    def by_pid(self, pid: int) -> Member | None:
        return next((member for member in self.members() if member.pid == pid), None)

    def awaits_end(self, member: Member) -> bool:
        """Wait for the end of one that was asked to; whether it came in time."""
        deadline = time.monotonic() + END_SECONDS
        while member.is_running and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
        return not member.is_running

    def resize(self, size: int) -> None:
        """More relays, or fewer: the oldest get a SIGTERM."""
        with self._lock:
            self._size = size
            for member in self.members()[: max(0, len(self.members()) - size)]:
                member.end(signal.SIGTERM)

    @property
    def size(self) -> int:
        return self._size

    @property
    def closed(self) -> bool:
        return self._closing.is_set()

    def logs(self) -> str:
        """What all relays of this run have said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("relay-*.log")))

    def close(self) -> list[int]:
        """SIGTERM to all; the exit codes."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        members = self.members()
        for member in members:
            member.end(signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        codes = []
        for member in members:
            try:
                codes.append(member.process.wait(max(0.1, deadline - time.monotonic())))
            except subprocess.TimeoutExpired:
                member.process.kill()
                codes.append(member.process.wait())
        return codes

    def _supervise(self) -> None:
        while not self._closing.wait(LOOK_EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        with self._lock:
            for member in [member for member in self._members if not member.is_running]:
                self._members.remove(member)
                code = member.process.returncode
                if code == -signal.SIGKILL:
                    self.killed.add(member.pid)
                if not member.asked_to_end or (code == ExitCode.ERROR and member.has_lost_its_lease):
                    self.exits[code] += 1
                elif code not in (0, -signal.SIGTERM, -signal.SIGKILL):
                    self.failed_to_leave[code] += 1
            while len(self._members) < self._size:
                self._members.append(self._start())

    def _start(self, **environ: str) -> Member:
        self._started += 1
        turn = self._turns[self._started % len(self._turns)]
        return Member(self.folder, self._started, {**self._environ, **turn, **environ})
