"""``run_relay`` in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from django.db import connection

from outbox.models import Relay, Shard

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
"""How long a process may take to start, and to end, on a machine that is busy."""


class RelayProcess:
    """A relay of its own process on the test database; ``log`` is what it prints."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run_relay", *arguments],
                cwd=ROOT,
                env={**os.environ, **environment_of_tests(), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def owns(self) -> bool:
        return Relay.objects.filter(pid=self.process.pid, id__in=Shard.objects.values("owner")).exists()

    @property
    def alive(self) -> bool:
        return Relay.objects.filter(pid=self.process.pid).exists()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = START_SECONDS) -> int:
        """Send a signal; the exit code."""
        self.send(number)
        return self.code(timeout)

    def code(self, timeout: float = START_SECONDS) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(timeout)

    def text(self) -> str:
        return self.log.read_text()


def environment_of_tests() -> dict[str, str]:
    """What makes a process use the settings and the database of the tests."""
    name = connection.settings_dict["NAME"]
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    return {
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "SHOP_DATABASE_URL": f"{base}/{name}",
    }
