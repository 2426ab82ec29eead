"""What every benchmark needs: a database with the outbox's tables, backlogs, topics, and relay processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import django
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from devstack.kafka import create_topics
from outbox.write.registry import registry

ROOT = Path(__file__).resolve().parents[1]

_FILL = """
    INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, payload, headers)
    SELECT i %% 256, %(topic)s, 'key-' || i %% %(keys)s, 'bench.event.happened', 'application/json',
    gen_random_uuid(),
           convert_to('{"number":' || i || ',"text":"' || repeat('x', %(letters)s) || '"}', 'UTF8'), '{}'
    FROM generate_series(%(first)s, %(last)s) AS i
"""


def prepare() -> None:
    """Make the database and its tables."""
    django.setup()
    name = connection.settings_dict["NAME"]
    with (
        psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server,
        suppress(psycopg.errors.DuplicateDatabase),
    ):
        server.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    create_topics(os.environ["KAFKA_BOOTSTRAP_SERVERS"], dict.fromkeys({each.topic for each in registry}, 3))
    call_command("migrate", verbosity=0)
    relay("--drain").wait()


def topic(partitions: int = 6) -> str:
    """A new topic."""
    name = f"bench-{uuid4().hex[:8]}"
    create_topics(os.environ["KAFKA_BOOTSTRAP_SERVERS"], {name: partitions})
    return name


def fill(topic_name: str, events: int, keys: int, *, chunk: int = 100_000, size: int = 200) -> None:
    """Commit a backlog, ``chunk`` events a transaction, with a payload of about ``size`` bytes each."""
    every: dict[str, Any] = {"topic": topic_name, "keys": keys, "letters": size - 20}
    with connection.cursor() as cursor:
        for first in range(1, events + 1, chunk):
            last = min(events, first + chunk - 1)
            cursor.execute(_FILL, {**every, "first": first, "last": last})
        if events > 1:
            cursor.execute("ANALYZE outbox_event")


def relay(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start run_relay; its log is thrown away."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "run_relay", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def running_relay(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A relay for the length of a block."""
    process = relay(*arguments, **environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def empty() -> None:
    """Forget all events, published or not."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE outbox_event, outbox_held")


def published() -> int:
    """How many events have been published, by the latest checkpoint."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(published), 0) FROM outbox_checkpoint")
        return int(cursor.fetchone()[0])


def drain_rate(events: int) -> float:
    """Events a second of a relay that drains a backlog of so many, from its first checkpoint to its last."""
    before = published()
    with running_relay():
        while published() == before:
            time.sleep(0.01)
        start, first = time.perf_counter(), published()
        while (now := published()) < before + events:
            time.sleep(0.02)
        return (now - first) / (time.perf_counter() - start)


def address() -> dict[str, Any]:
    """Where the benchmarks' database is, for a connection past Django."""
    wanted = ("host", "port", "user", "password", "dbname")
    return {name: value for name, value in connection.get_connection_params().items() if name in wanted}


def bootstrap() -> list[str]:
    servers: list[str] = settings.KAFKA["OPTIONS"]["bootstrap_servers"]
    return servers
