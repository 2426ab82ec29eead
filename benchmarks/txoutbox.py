"""Our relay and txoutbox drain backlogs of equal events in turns, each from its own table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from django.db import connection

from benchmarks import results
from benchmarks.bare import confluent_rate
from benchmarks.beside import HEAD, KEYS, PARTITIONS, Drained, drained, drift, in_one_line, ratio, row
from benchmarks.ground import address, bootstrap, empty, fill, running_relay, topic
from benchmarks.peers.txoutbox import FILL, SETTINGS, VERSION, sending
from benchmarks.servers import CONFIG, Servers

ROUNDS = 3
TABLE_SECONDS = 60.0


def run(servers: Servers, events: int = 20_000) -> Iterator[str]:
    yield f"settings of txoutbox {VERSION}: {in_one_line(SETTINGS)}"
    _make_its_table()
    runs, bare = list[Drained](), list[tuple[float, float]]()
    for _ in range(ROUNDS):
        bare.append(confluent_rate(topic(PARTITIONS), KEYS))
        runs += [_ours(servers, events), _theirs(servers, events), _ours(servers, events)]
    bare.append(confluent_rate(topic(PARTITIONS), KEYS))
    limit = statistics.median(rate for rate, _ in bare)
    rows = [row(who, limit, [each for each in runs if each.who == who]) for who in ("relay", "txoutbox")]
    yield from results.table(HEAD, rows)
    yield ratio(runs)
    yield drift(bare)
    raw = {"events": events, "drained": [each._asdict() for each in runs], "bare": bare}
    yield f"raw figures: {results.save('txoutbox', raw, {'txoutbox': SETTINGS, 'PostgreSQL': CONFIG})}"


def _ours(servers: Servers, events: int) -> Drained:
    name = topic(PARTITIONS)
    empty()
    fill(name, events, KEYS)
    with running_relay(KAFKA_BACKEND="confluent") as process:
        return drained(servers, "relay", process.pid, name, events)


def _theirs(servers: Servers, events: int) -> Drained:
    name = topic(PARTITIONS)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE outbox")
        cursor.execute(FILL, {"topic": name, "keys": KEYS, "events": events})
        cursor.execute("ANALYZE outbox")
    with sending(_url(), ",".join(bootstrap())) as pid:
        return drained(servers, "txoutbox", pid, name, events)


def _make_its_table() -> None:
    until = time.monotonic() + TABLE_SECONDS
    with sending(_url(), ",".join(bootstrap())), connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT to_regclass('outbox_key_pending_idx') IS NOT NULL")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.1)
    raise TimeoutError(f"txoutbox has not made its table within {TABLE_SECONDS:.0f} s")


def _url() -> str:
    place = address()
    return f"postgresql://{place['user']}@{place['host']}:{place['port']}/{place['dbname']}"
