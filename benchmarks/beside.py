"""Our relay and Debezium drain the same table, in turns, with a bare producer from round to round.

The relay does so with one shard, with two, with two processes that have a shard each, and in structured mode.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from django.db import connection
from django.db.models.functions import Now

from benchmarks import plot, results
from benchmarks.arrivals import Arrivals
from benchmarks.bare import BARE, confluent_rate
from benchmarks.ground import address, bootstrap, empty, fill, running_relay, topic
from benchmarks.meter import Meter, Use
from benchmarks.peers.debezium import CONNECTOR, HEAP, WORKER, Debezium
from benchmarks.servers import Servers
from outbox.models import Shard
from outbox.operations.resharding import reshard

ROUNDS, KEYS, PARTITIONS = 5, 1_000, 8
LEAST_WARM_UPS, MOST_WARM_UPS, FASTER = 4, 12, 1.05
STEADY = 1.25
OWNERS_SECONDS = 60.0
RELAY, SHARDS, TWO, STRUCTURED = "relay", "relay, 2 shards", "relay, 2 processes", "relay, structured"
DEBEZIUM = "Debezium"
HEAD = ("", "events/s", "of bare", "CPU us/event", "PostgreSQL us", "Kafka us", "others' cores")
SETTINGS = {"worker": WORKER, "connector": CONNECTOR, "heap": HEAP, "bare": BARE}
Sender = Callable[[str, int], "Drained"]


class Drained(NamedTuple):
    """One backlog: how fast it went, and who used which CPU meanwhile."""

    who: str
    rate: float
    own: float
    postgres: float
    kafka: float
    others: float

    @classmethod
    def of(cls, who: str, events: int, seconds: float, use: Use) -> Drained:
        own, postgres, kafka = (use.of_one(name, events) for name in (who, "PostgreSQL", "Kafka"))
        return cls(who, events / seconds, own, postgres, kafka, use.others / use.wall)


def run(servers: Servers, events: int = 200_000) -> Iterator[str]:
    yield f"settings of Debezium: {in_one_line(WORKER | CONNECTOR)}; JVM {' '.join(HEAP)}"
    yield f"settings of the bare producer: {in_one_line(BARE)}"
    debezium = Debezium(address(), ",".join(bootstrap()))
    with closing(debezium):
        debezium.start()
        debezium.stop()
        sides = Sides(servers, debezium)
        warm = _warmed(sides, events)
        yield f"Debezium while its code was compiled: {' '.join(f'{rate:,.0f}' for rate in warm)}/s"
        sides.ours(events)
        one, shards, others = list[Drained](), list[Drained](), list[Drained]()
        bare = list[tuple[float, float]]()
        for _ in range(ROUNDS):
            bare.append(confluent_rate(topic(PARTITIONS), KEYS))
            one += [sides.ours(events), sides.debezium(events), sides.ours(events)]
            shards += [sides.shards(events), sides.debezium(events), sides.shards(events)]
            others += [sides.two(events), sides.structured(events)]
        bare.append(confluent_rate(topic(PARTITIONS), KEYS))
    yield from _told(servers, one, shards, others, bare, events)


def _warmed(sides: Sides, events: int) -> list[float]:
    """Drain until it gets no faster: so long the JVM compiles what it runs."""
    rates = [sides.debezium(events).rate]
    while len(rates) < MOST_WARM_UPS:
        rates.append(sides.debezium(events).rate)
        if len(rates) >= LEAST_WARM_UPS and rates[-1] < FASTER * max(rates[:-1]):
            break
    return rates


class Sides:
    """Whoever drains begins with an empty table, and the other one never sees its events."""

    def __init__(self, servers: Servers, debezium: Debezium) -> None:
        self._servers = servers
        self._debezium = debezium

    def ours(self, events: int) -> Drained:
        name = self._filled(events)
        with running_relay(KAFKA_BACKEND="confluent") as process:
            return drained(self._servers, RELAY, process.pid, name, events)

    def shards(self, events: int) -> Drained:
        """One process with two shards."""
        name = self._filled(events)
        reshard("default", 2)
        try:
            with running_relay(KAFKA_BACKEND="confluent") as process:
                return drained(self._servers, SHARDS, process.pid, name, events)
        finally:
            reshard("default", 1)

    def structured(self, events: int) -> Drained:
        name = self._filled(events)
        with running_relay(KAFKA_BACKEND="confluent", CONTENT_MODE="structured") as process:
            return drained(self._servers, STRUCTURED, process.pid, name, events)

    def two(self, events: int) -> Drained:
        """They run before the backlog is committed: the first one would have both shards for a while."""
        name = self._filled(0)
        reshard("default", 2)
        try:
            with running_relay("--processes", "2", KAFKA_BACKEND="confluent") as process:
                _await_owners(2)
                fill(name, events, KEYS, chunk=events)
                return drained(self._servers, TWO, process.pid, name, events)
        finally:
            reshard("default", 1)

    def debezium(self, events: int) -> Drained:
        name = self._filled(events)
        self._debezium.resume()
        try:
            return drained(self._servers, DEBEZIUM, self._debezium.pid, name, events)
        finally:
            self._debezium.stop()

    def _filled(self, events: int) -> str:
        """The topic of a new backlog."""
        name = topic(PARTITIONS)
        empty()
        self._debezium.skip()
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
        fill(name, events, KEYS)
        return name


def _await_owners(count: int) -> None:
    """Until so many relays own shards."""
    until = time.monotonic() + OWNERS_SECONDS
    while Shard.objects.filter(lease_until__gt=Now()).values("owner").distinct().count() < count:
        if time.monotonic() > until:
            raise TimeoutError(f"there were not {count} owners of shards within {OWNERS_SECONDS:g} s")
        time.sleep(0.05)


def drained(servers: Servers, who: str, pid: int, name: str, events: int) -> Drained:
    """Of a sender that has just been started, from the first record on."""
    arrivals = Arrivals(",".join(bootstrap()), name, PARTITIONS)
    with closing(arrivals):
        arrivals.wait(1)
        meter = Meter({who: [pid], **servers.pids})
        span = arrivals.span(events)
        return Drained.of(who, span.events, span.seconds, meter.use())


def _told(
    servers: Servers,
    one: list[Drained],
    shards: list[Drained],
    others: list[Drained],
    bare: list[tuple[float, float]],
    events: int,
) -> Iterator[str]:
    limit, cpu = (statistics.median(each) for each in zip(*bare, strict=True))
    rows: list[tuple[str, ...]] = [("bare produce", f"{limit:,.0f}", "1.00", f"{cpu:.1f}", "", "", "")]
    rates = {"bare produce": limit}
    runs = [*one, *shards, *others]
    for who in (RELAY, SHARDS, TWO, STRUCTURED, DEBEZIUM):
        own = [each for each in runs if each.who == who]
        rates[who] = statistics.median(each.rate for each in own)
        rows.append(row(who, limit, own))
    yield from results.table(HEAD, rows)
    yield ratio(one)
    yield ratio(shards)
    yield drift(bare)
    raw = {"events": events, "drained": [each._asdict() for each in runs], "bare": bare}
    path = results.save("debezium", raw, {**servers.settings, **SETTINGS})
    path.with_suffix(".svg").write_text(plot.bars("A backlog drained, events a second", rates, "/s"))
    yield f"raw figures and plot: {path}"


def row(who: str, limit: float, runs: list[Drained]) -> tuple[str, ...]:
    rate = statistics.median(each.rate for each in runs)
    own = statistics.median(each.own for each in runs)
    postgres = statistics.median(each.postgres for each in runs)
    kafka = statistics.median(each.kafka for each in runs)
    others = statistics.median(each.others for each in runs)
    figures = (f"{own:.1f}", f"{postgres:.1f}", f"{kafka:.1f}", f"{others:.2f}")
    return (who, f"{rate:,.0f}", f"{rate / limit:.2f}", *figures)


def ratio(runs: list[Drained]) -> str:
    """Of neighbours: the relay before and after each run of the other."""
    pairs = [
        (first.rate + last.rate) / 2 / middle.rate
        for first, middle, last in zip(runs[::3], runs[1::3], runs[2::3], strict=True)
    ]
    between = f"[{min(pairs):.2f}-{max(pairs):.2f}]"
    return f"{runs[0].who} / {runs[1].who}: {statistics.median(pairs):.2f} {between} in {len(pairs)} rounds"


def drift(bare: list[tuple[float, float]]) -> str:
    rates = [rate for rate, _ in bare]
    steady = max(rates) / min(rates) < STEADY
    verdict = "steady" if steady else "NOT steady: believe the ratios of neighbours, not the rates"
    return f"the bare producer from round to round: {min(rates):,.0f} to {max(rates):,.0f}/s; {verdict}"


def in_one_line(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())
