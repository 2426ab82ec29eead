"""Memory and rate of a relay through a large backlog."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil

from benchmarks.ground import fill, published, running_relay, topic

TENTHS = 10


def run(events: int = 1_000_000) -> Iterator[str]:
    fill(topic(), events, 1_000)
    yield from drain(events)


def drain(events: int) -> Iterator[str]:
    """Drain a backlog of so many, tenth by tenth."""
    before = published()
    with running_relay() as process:
        watched = psutil.Process(process.pid)
        while published() == before:
            time.sleep(0.01)
        rates, peaks = [], []
        done, at = published(), time.perf_counter()
        for tenth in range(1, TENTHS + 1):
            goal, peak = before + events * tenth // TENTHS, 0
            while published() < goal:
                peak = max(peak, watched.memory_info().rss)
                time.sleep(0.05)
            now = time.perf_counter()
            rates.append((goal - done) / (now - at))
            peaks.append(max(peak, watched.memory_info().rss) / 2**20)
            done, at = goal, now
    yield f"{events:,} events; peak memory by tenth (MiB): {' '.join(f'{peak:.0f}' for peak in peaks)}"
    yield f"rate by tenth (events/s): {' '.join(f'{rate:,.0f}' for rate in rates)}"
    yield f"last tenth / first tenth: {rates[-1] / rates[0]:.2f}"
