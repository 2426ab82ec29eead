"""How many events a second a consumer handles, beside what its client reads and a loop written by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import psutil
import psycopg
from kafka import KafkaConsumer

from benchmarks.bare import records
from benchmarks.ground import ROOT, address, bootstrap, topic
from outbox_core.wire.consumed import ConsumerRecord

SETTINGS = "benchmarks.consuming.settings"
DATABASE = "consuming"
WAYS = {
    "bench.counted": "a handler that does nothing",
    "bench.listed": "batch=True, one INSERT a batch",
    "bench.gathered": "inbox.Batch, one INSERT a batch",
    "bench.inserted": "one INSERT a handler",
}
PARTITIONS, KEYS = 8, 1_000
POLL_SECONDS = 0.02
WARM = 0.1
"""The share of the events that does not count."""
SLOW = 5
"""With a statement for each event, so many times fewer events are measured."""
TABLES = """
    CREATE TABLE IF NOT EXISTS effect (number int);
    CREATE TABLE IF NOT EXISTS seen (source text, id text, PRIMARY KEY (source, id));
"""


HANDLED = 'SELECT coalesce(sum("offset"), 0) FROM inbox_offset WHERE topic = %s'


class Rate(NamedTuple):
    """Events a second, and the microseconds of CPU of the process that one event took."""

    events: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.events:,.0f}/s, {self.cpu:.1f} us of CPU an event"


def run(events: int = 100_000) -> Iterator[str]:
    client = os.environ["KAFKA_BACKEND"]
    with _database() as database:
        database.execute(TABLES)
        name = _filled("bench.counted", events)
        yield f"bare {client}: {_read(client, name, events)}"
        for type_, way in WAYS.items():
            count = events // SLOW if type_ == "bench.inserted" else events
            yield f"{way}: {_consume(database, _filled(type_, count), count)}"
        by_hand = _by_hand(database, _filled("bench.inserted", events // SLOW), events // SLOW)
        yield f"by hand, a transaction with a dedupe and an INSERT an event: {by_hand}"


def _database() -> Any:
    with psycopg.connect(**address(), autocommit=True) as server:
        if server.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            server.execute(f"CREATE DATABASE {DATABASE}".encode())
    _manage("migrate", "--verbosity", "0").wait()
    return psycopg.connect(**{**address(), "dbname": DATABASE}, autocommit=True)


def _manage(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments, "--settings", SETTINGS],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _filled(type_: str, events: int) -> str:
    """A new topic with so many events of this type, in many partitions."""
    from confluent_kafka import Producer

    name = topic(PARTITIONS)
    options = {"bootstrap.servers": ",".join(bootstrap()), "linger.ms": 5, "partitioner": "murmur2_random"}
    producer = Producer({**options, "queue.buffering.max.messages": 2 * events})
    for number, record in enumerate(records(name, events, KEYS)):
        changed = {"ce_type": type_.encode(), "ce_id": f"{number:032x}".encode()}
        headers = [(header, changed.get(header, value)) for header, value in record.headers]
        producer.produce(name, record.value, record.key, headers=headers)
    producer.flush()
    return name


def _read(client: str, name: str, events: int) -> Rate:
    """What the client alone reads."""
    return (_read_confluent if client == "confluent" else _read_kafka_python)(name, events)


def _read_confluent(name: str, events: int) -> Rate:
    from confluent_kafka import Consumer

    options = {"bootstrap.servers": ",".join(bootstrap()), "group.id": name, "auto.offset.reset": "earliest"}
    consumer = Consumer({**options, "enable.auto.commit": False})
    with closing(consumer):
        consumer.subscribe([name])
        read, first = len(consumer.consume(500, 30.0)), _Since()
        start = read
        while read < events:
            read += sum(message.value() is not None for message in consumer.consume(500, 30.0))
        return first.rate(read - start)


def _read_kafka_python(name: str, events: int) -> Rate:
    with closing(_reader(name)) as consumer:
        read, first = sum(map(len, consumer.poll(30_000).values())), _Since()
        start = read
        while read < events:
            read += sum(map(len, consumer.poll(30_000).values()))
        return first.rate(read - start)


def _reader(name: str) -> Any:
    options: dict[str, Any] = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    return KafkaConsumer(name, bootstrap_servers=bootstrap(), group_id=name, **options)


class _Since:
    """Measures this process."""

    def __init__(self) -> None:
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def rate(self, events: int) -> Rate:
        cpu = time.process_time() - self._cpu
        return Rate(events / (time.perf_counter() - self._clock), cpu / events * 1e6)


def _consume(database: Any, name: str, events: int) -> Rate:
    """What run_consumer handles, from its first events on until it has all."""
    process = _manage("run_consumer", name, "--verbosity", "0", BENCHMARK_TOPICS=name)
    watched = psutil.Process(process.pid)
    try:
        begun = _handled(database, name, WARM * events)
        clock, cpu = time.perf_counter(), _cpu(watched)
        count = _handled(database, name, events) - begun
        return Rate(count / (time.perf_counter() - clock), (_cpu(watched) - cpu) / count * 1e6)
    finally:
        process.terminate()
        process.wait(60)


def _handled(database: Any, name: str, enough: float) -> int:
    """How many events it has handled, once these are enough."""
    while True:
        found = database.execute(
            'SELECT coalesce(sum("offset"), 0) FROM inbox_offset WHERE topic = %s', [name]
        )
        if (count := int(found.fetchone()[0])) >= enough:
            return count
        time.sleep(POLL_SECONDS)


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _by_hand(database: Any, name: str, events: int) -> Rate:
    """The loop that one writes first."""
    with closing(_reader(name)) as consumer:
        read, first = 0, _Since()
        while read < events:
            for batch in consumer.poll(30_000).values():
                for record in batch:
                    _handle(database, record)
                read += len(batch)
                first = first if read > len(batch) else _Since()
                consumer.commit()
        return first.rate(events)


def _handle(database: Any, record: ConsumerRecord) -> None:
    headers = dict(record.headers)
    with database.transaction():
        seen = "INSERT INTO seen VALUES (%s, %s) ON CONFLICT DO NOTHING"
        identity = [bytes(headers[name] or b"").decode() for name in ("ce_source", "ce_id")]
        if database.execute(seen, identity).rowcount:
            database.execute("INSERT INTO effect (number) VALUES (%s)", [record.offset])
