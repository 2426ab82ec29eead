"""What outbox_audit compares in a second, and in a second of CPU time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import StringIO

from django.core.management import call_command

from benchmarks.ground import fill, relay, topic


def run(events: int = 100_000) -> Iterator[str]:
    name = topic()
    fill(name, events, 1_000)
    relay("--drain").wait()
    began, used = time.perf_counter(), time.process_time()
    code = _audit(name)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    yield f"{events:,} events, exit code {code}: {events / seconds:,.0f}/s"
    yield f"in a second of CPU time: {events / cpu:,.0f}"


def _audit(name: str) -> object:
    """The exit code."""
    try:
        call_command("outbox_audit", "--topic", name, verbosity=0, stdout=StringIO())
    except SystemExit as end:
        return end.code
    return 0
