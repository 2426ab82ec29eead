"""A process that has ended is gone, whatever threads its handlers have left behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

LONG = 60.0
"""Seconds after which a test has given up long ago."""
PROCESS = """
import sys, threading, time
import django
from django.conf import settings
settings.configure()
django.setup()
from django.core.management.base import CommandError
from outbox_core.process.command import ProcessCommand
class Command(ProcessCommand):
    logger = "inbox"
    shutdown_seconds = 0.2
    def work(self, **options):
        with self.process("inbox", seconds=600, **options):
            if sys.argv[1] != "none":
                threading.Thread(target=time.sleep, args=(600,), name="left").start()
            if sys.argv[2] == "error":
                raise CommandError("wrong")
            if sys.argv[2] == "bug":
                raise ZeroDivisionError
Command().run_from_argv(["manage.py", "run_consumer"])
"""


@pytest.mark.parametrize(("way", "code"), [("error", 1), ("bug", 1), ("well", 0)])
@pytest.mark.parametrize("thread", ["none", "left"])
def test_it_ends_with_its_code(thread: str, way: str, code: int) -> None:
    process = subprocess.run(
        [sys.executable, "-c", PROCESS, thread, way],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert process.returncode == code
    assert ("still run: left." in process.stderr) is (thread == "left")
