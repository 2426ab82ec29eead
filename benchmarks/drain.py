"""A backlog drained in key order, against the bare producer's own send() rate."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bare import send_rate
from benchmarks.ground import drain_rate, fill, topic

SAMPLE = 60_000


def run(events: int = 200_000) -> Iterator[str]:
    before = send_rate(topic(), SAMPLE, 1_000)
    name = topic()
    fill(name, events, 1_000)
    drained = drain_rate(events)
    after = send_rate(topic(), SAMPLE, 1_000)
    plain = send_rate(topic(), SAMPLE, 1_000, headers=False)
    bare = (before + after) / 2
    yield f"bare send(), the same records: {bare:,.0f}/s (before {before:,.0f}, after {after:,.0f})"
    yield f"bare send(), without headers:  {plain:,.0f}/s"
    yield f"relay, {events:,} events, 1,000 keys: {drained:,.0f}/s = {drained / bare:.0%} of bare send()"
