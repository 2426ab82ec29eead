"""What a benchmark has found. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delays:
    """In milliseconds."""

    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Delays:
        """Of two or more."""
        parts = statistics.quantiles(seconds, n=100, method="inclusive")
        return cls(*(round(each * 1_000, 2) for each in (parts[49], parts[94], parts[98], max(seconds))))


@dataclass(frozen=True, slots=True)
class Rate:
    """Events a second, and the microseconds of this process's CPU for one."""

    events: float
    cpu: float

    @classmethod
    def of(cls, events: int, seconds: float, cpu: float) -> Rate:
        return cls(round(events / seconds), round(cpu / events * 1e6, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``emit`` is the time of a transaction with one event, ``emit_thousand`` of the call for 1,000 of them.
    ``bare`` is what the publisher takes without a log, ``drain`` what the relay does.
    """

    events: int
    size: int
    keys: int
    partitions: int
    shards: int
    publisher: str
    load_before: float
    load_after: float
    emit: Delays
    emit_thousand: float
    arrival: Delays
    per_second: float
    bare: Rate
    drain: Rate

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"{self.events:,} events of {self.size:,} bytes, {self.keys:,} keys, "
            f"{self.partitions} partitions, {self.shards} shard(s), {self.publisher}"
        )
        yield ""
        yield f"{'':<34}{'p50':>9}{'p95':>9}{'p99':>9}{'longest':>9}"
        yield _delays("a transaction with one event, ms", self.emit)
        yield _delays(f"commit to consumer at {self.per_second:g}/s, ms", self.arrival)
        yield f"{'1,000 events in one call, ms':<34}{self.emit_thousand:>9.1f}"
        yield ""
        yield f"{'':<34}{'events/s':>9}{'CPU us':>9}"
        yield f"{'publisher alone':<34}{self.bare.events:>9,}{self.bare.cpu:>9.1f}"
        share = f"{self.drain.events / self.bare.events:.0%} of the publisher alone"
        yield f"{'relay, a backlog':<34}{self.drain.events:>9,}{self.drain.cpu:>9.1f}  {share}"
        yield ""
        yield f"load of this machine: {self.load_before:.1f} before, {self.load_after:.1f} after"


def _delays(name: str, of: Delays) -> str:
    return f"{name:<34}" + "".join(f"{each:>9.1f}" for each in (of.p50, of.p95, of.p99, of.longest))
