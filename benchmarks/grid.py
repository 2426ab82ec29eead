"""How the cost of an event grows with its size, with keys and with shards: one backlog for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from benchmarks import plot, results
from benchmarks.arrivals import Arrivals
from benchmarks.ground import bootstrap, empty, fill, running_relay, topic
from benchmarks.meter import Meter
from benchmarks.servers import Servers
from outbox.operations.resharding import reshard

PARTITIONS = 8
SIZES = (100, 1_000, 4_000, 16_000)
KEYS = (1, 100, 10_000, 1_000_000)
SHARDS = (1, 4, 16, 64)
USUAL = {"size": 200, "keys": 1_000, "shards": 1}
MOST_BYTES = 200_000_000
"""Of a backlog: one of large events has fewer."""
HEAD = ("", "events/s", "MB/s", "CPU us/event", "PostgreSQL us", "Kafka us", "others' cores")


class Cell(NamedTuple):
    """One backlog."""

    what: str
    value: int
    rate: float
    megabytes: float
    relay: float
    postgres: float
    kafka: float
    others: float

    def row(self) -> tuple[str, ...]:
        costs = (f"{each:.1f}" for each in (self.relay, self.postgres, self.kafka))
        rates = (f"{self.rate:,.0f}", f"{self.megabytes:.1f}")
        return (f"{self.what} {self.value:,}", *rates, *costs, f"{self.others:.2f}")


def run(servers: Servers, events: int = 100_000) -> Iterator[str]:
    _drained(servers, events, "warm-up", 1, USUAL)
    cells = []
    for what, values in (("size", SIZES), ("keys", KEYS), ("shards", SHARDS)):
        for value in values:
            cells.append(_drained(servers, events, what, value, {**USUAL, what: value}))
    reshard("default", 1)
    yield from results.table(HEAD, [cell.row() for cell in cells])
    settings = {**servers.settings, "usual": USUAL, "events": events}
    path = results.save("grid", [cell._asdict() for cell in cells], settings)
    for what in ("size", "keys", "shards"):
        drawn = path.with_name(f"{path.stem}-{what}.svg")
        drawn.write_text(_plot(what, [cell for cell in cells if cell.what == what]))
    yield f"raw figures and plots: {path}"


def _drained(servers: Servers, events: int, what: str, value: int, load: Mapping[str, int]) -> Cell:
    count = min(events, MOST_BYTES // load["size"])
    name = topic(PARTITIONS)
    empty()
    reshard("default", load["shards"])
    fill(name, count, load["keys"], size=load["size"])
    arrivals = Arrivals(",".join(bootstrap()), name, PARTITIONS)
    with closing(arrivals), running_relay(KAFKA_BACKEND="confluent") as process:
        arrivals.wait(1)
        meter = Meter({"relay": [process.pid], **servers.pids})
        span = arrivals.span(count)
        use = meter.use()
    relay, postgres, kafka = (use.of_one(who, span.events) for who in ("relay", "PostgreSQL", "Kafka"))
    megabytes = span.rate * load["size"] / 1e6
    return Cell(what, value, span.rate, megabytes, relay, postgres, kafka, use.others / use.wall)


def _plot(what: str, cells: list[Cell]) -> str:
    series = {
        "relay": [(cell.value, cell.relay) for cell in cells],
        "PostgreSQL": [(cell.value, cell.postgres) for cell in cells],
        "Kafka": [(cell.value, cell.kafka) for cell in cells],
    }
    return plot.lines(f"CPU of one event, by {what}", series, what, "microseconds")
