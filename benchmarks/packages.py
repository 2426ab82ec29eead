"""Our relay and Python packages drain backlogs of equal events in turns, each from its own table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import chain

from django.db import connection

from benchmarks import results
from benchmarks.bare import BARE, confluent_rate
from benchmarks.beside import HEAD, KEYS, PARTITIONS, RELAY, Drained, drained, drift, in_one_line, ratio, row
from benchmarks.ground import address, bootstrap, empty, fill, running_relay, topic
from benchmarks.peers import faststream, txoutbox
from benchmarks.peers.package import Package
from benchmarks.servers import Servers

PACKAGES = (txoutbox.PACKAGE, faststream.PACKAGE)
ROUNDS = 3


def run(servers: Servers, events: int = 100_000) -> Iterator[str]:
    for package in PACKAGES:
        parts = (f"{part} {in_one_line(own)}" for part, own in package.settings.items())
        yield f"{package}: {'; '.join(parts)}"
        package.make_table(_url(), ",".join(bootstrap()))
    turns: dict[str, list[Drained]] = {package.name: [] for package in PACKAGES}
    bare = [confluent_rate(topic(PARTITIONS), KEYS)]
    for _ in range(ROUNDS):
        for package in PACKAGES:
            turns[package.name] += _turn(servers, package, events)
        bare.append(confluent_rate(topic(PARTITIONS), KEYS))
    yield from _told(turns, bare)
    raw = {"events": events, "drained": [each._asdict() for each in chain(*turns.values())], "bare": bare}
    settings = {package.name: package.settings for package in PACKAGES}
    yield f"raw figures: {results.save('packages', raw, {**settings, **servers.settings, 'bare': BARE})}"


def _told(turns: dict[str, list[Drained]], bare: list[tuple[float, float]]) -> Iterator[str]:
    limit = statistics.median(rate for rate, _ in bare)
    runs = list(chain(*turns.values()))
    rows = [row(who, limit, [each for each in runs if each.who == who]) for who in (RELAY, *turns)]
    yield from results.table(HEAD, rows)
    yield from map(ratio, turns.values())
    yield drift(bare)


def _turn(servers: Servers, package: Package, events: int) -> list[Drained]:
    return [_ours(servers, events), _theirs(servers, package, events), _ours(servers, events)]


def _ours(servers: Servers, events: int) -> Drained:
    name = topic(PARTITIONS)
    empty()
    fill(name, events, KEYS)
    with running_relay(KAFKA_BACKEND="confluent") as process:
        return drained(servers, RELAY, process.pid, name, events)


def _theirs(servers: Servers, package: Package, events: int) -> Drained:
    name = topic(PARTITIONS)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {package.table}")
        cursor.execute(package.fill, {"topic": name, "keys": KEYS, "events": events})
        cursor.execute(f"ANALYZE {package.table}")
    with package.sending(_url(), ",".join(bootstrap()), name) as pid:
        return drained(servers, package.name, pid, name, events)


def _url() -> str:
    place = address()
    return f"postgresql://{place['user']}@{place['host']}:{place['port']}/{place['dbname']}"
