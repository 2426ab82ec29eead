"""One hot key against a thousand keys."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.ground import drain_rate, fill, topic


def run(events: int = 100_000) -> Iterator[str]:
    rates: dict[int, list[float]] = {}
    for keys in (1_000, 1, 1_000, 1):
        fill(topic(), events, keys)
        rates.setdefault(keys, []).append(drain_rate(events))
    many, one = (sum(rates[keys]) / 2 for keys in (1_000, 1))
    yield f"1,000 keys: {many:,.0f}/s   one key: {one:,.0f}/s   ratio {one / many:.2f}"
