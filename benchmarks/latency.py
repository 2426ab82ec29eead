"""From COMMIT until a consumer has the event, under a steady load: the relay and Debezium in turns, beside a
producer that needs no commit.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, NamedTuple

import psutil
from kafka import KafkaConsumer

from benchmarks import results
from benchmarks.ground import address, bootstrap, empty, fill, running_relay, topic
from benchmarks.peers.debezium import CONNECTOR, WORKER, Debezium
from benchmarks.servers import Servers
from benchmarks.steady import Load, Target, commit, produce

LOADS = ((20, 20.0), (1_000, 10.0), (5_000, 10.0))
"""Events a second, and for how many seconds."""
WARM_UP = (5_000, 8.0)
ROUNDS = 2
SETTLE, BEGINS, WAIT = 2.0, 1.0, 60.0
"""Seconds of silence before the load, of its beginning, which does not count, and of the last arrivals."""
HEAD = ("", "p50 ms", "p95 ms", "p99 ms", "longest", "of a core")


class Side(NamedTuple):
    """Who brings events to Kafka, and who writes them. ``runs`` yields the pid of the process."""

    name: str
    target: Target
    runs: Callable[[], AbstractContextManager[int | None]]


class Delays(NamedTuple):
    """The seconds that each event took, and the share of a core that its bringer took."""

    who: str
    seconds: list[float]
    core: float


def run(servers: Servers) -> Iterator[str]:
    with closing(Debezium(address(), ",".join(bootstrap()))) as debezium:
        debezium.start()
        debezium.stop()
        sides = (
            Side("bare produce", produce, _nobody),
            Side("relay", commit, _relay),
            Side("Debezium", commit, lambda: _streaming(debezium)),
        )
        for side in sides:  # until then, the JVM compiles what it runs
            _measure(side, *WARM_UP)
        raw = {}
        for load, seconds in LOADS:
            found = [_measure(side, load, seconds) for _ in range(ROUNDS) for side in sides]
            yield f"{load:,} events a second, {ROUNDS} rounds"
            yield from results.table(HEAD, [_row(side.name, found) for side in sides])
            raw[load] = [each._asdict() for each in found]
    settings = {**servers.settings, "worker": WORKER, "connector": CONNECTOR}
    yield f"raw figures: {results.save('latency', raw, settings)}"


@contextmanager
def _nobody() -> Iterator[None]:
    yield None


@contextmanager
def _relay() -> Iterator[int]:
    with running_relay() as process:
        yield process.pid


@contextmanager
def _streaming(debezium: Debezium) -> Iterator[int]:
    debezium.skip()
    debezium.resume()
    try:
        yield debezium.pid
    finally:
        debezium.stop()


def _measure(side: Side, load: int, seconds: float) -> Delays:
    """The delays of the events behind the first moments."""
    empty()
    name = topic()
    with (
        closing(KafkaConsumer(name, bootstrap_servers=bootstrap(), auto_offset_reset="earliest")) as consumer,
        side.runs() as pid,
    ):
        _acquaint(side, name, consumer)
        time.sleep(SETTLE)
        used, since = _cpu(pid), time.monotonic()
        delays = _delays(side.target, consumer, name, load, seconds)
        return Delays(side.name, delays, (_cpu(pid) - used) / (time.monotonic() - since))


def _acquaint(side: Side, name: str, consumer: Any) -> None:
    """One event first: then everybody knows the topic."""
    if side.target is commit:
        fill(name, 1, 1)
    else:
        Load(produce, name, 1, 1.0).written()
    while not consumer.poll(1_000):
        pass


def _cpu(pid: int | None) -> float:
    return 0.0 if pid is None else float(sum(psutil.Process(pid).cpu_times()[:2]))


def _delays(target: Target, consumer: Any, name: str, load: int, seconds: float) -> list[float]:
    """The seconds from the COMMIT of each event until this process has its record."""
    writer = Load(target, name, load, BEGINS + seconds)
    arrived: dict[int, float] = {}
    count, over = int(load * (BEGINS + seconds)), 0.0
    while len(arrived) < count and not (over and time.monotonic() > over + WAIT):
        polled = consumer.poll(1_000)
        now = time.monotonic()
        over = over or (now if writer.is_over else 0.0)
        for records in polled.values():
            arrived.update((int(record.value.partition(b" ")[0]), now) for record in records)
    return [arrived[number] - at for number, at in writer.written().items() if number > load * BEGINS]


def _row(who: str, found: list[Delays]) -> tuple[str, ...]:
    own = [each for each in found if each.who == who]
    delays = [delay * 1000 for each in own for delay in each.seconds]
    cuts = statistics.quantiles(delays, n=100)
    core = statistics.mean(each.core for each in own)
    figures = (*(f"{cuts[at - 1]:.1f}" for at in (50, 95, 99)), f"{max(delays):.0f}")
    return (who, *figures, f"{core:.1%}" if core else "")
