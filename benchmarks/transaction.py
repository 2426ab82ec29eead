"""Memory and rate of a relay through one very large transaction."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.ground import fill, topic
from benchmarks.memory import drain


def run(events: int = 1_000_000) -> Iterator[str]:
    fill(topic(), events, 1_000, chunk=events)
    yield from drain(events)
