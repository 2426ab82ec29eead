"""Writers with connections of their own; shards published into memory; relays in processes of their own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection, transaction

from outbox.models import OutboxEvent
from outbox.operations import pausing, resharding
from outbox.write.buckets import bucket_of
from outbox_core.wire.encode import BinaryEncoder, Record
from relay.cluster.lease import Lease
from relay.conf import RelaySettings
from relay.context import Context
from relay.engine import Relay
from relay.log.link import Link
from relay.log.session import Session
from relay.log.stretches import Stretches
from relay.publishers.memory import MemoryPublisher
from relay.sender import Sender
from relay.shard.owned import OwnedShard
from tests.reading import records_of
from tests.relay.processes import RelayProcess
from tests.waiting import wait_until

LEASE_SECONDS = 60.0
"""Nobody renews a desk's lease: it outlasts a test."""
INSERT = """
    INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, payload, headers)
    SELECT %(bucket)s, %(topic)s, %(key)s, 'test.event', 'application/json', gen_random_uuid(),
           convert_to(%(key)s || ':' || i, 'UTF8'), '{}'
    FROM generate_series(%(first)s::int, %(last)s::int) AS i
    RETURNING id
"""


class Writer:
    """A business transaction, on a connection of its own. The payload of an event is ``key:number``."""

    def __init__(self) -> None:
        parameters = connection.get_connection_params()
        self.connection = psycopg.connect(
            host=parameters.get("host"),
            port=parameters.get("port"),
            user=parameters.get("user"),
            password=parameters.get("password"),
            dbname=parameters["dbname"],
        )
        self._next: dict[str, int] = {}

    def insert(self, key: str, count: int = 1, *, topic: str = "t", bucket: int | None = None) -> list[int]:
        """Insert the next ``count`` events of a key, into its own bucket or another one; their ids."""
        first = self._next.get(key, 1)
        self._next[key] = first + count
        values = {
            "bucket": bucket_of(key) if bucket is None else bucket,
            "topic": topic,
            "key": key,
            "first": first,
            "last": first + count - 1,
        }
        return [row[0] for row in self.connection.execute(INSERT, values).fetchall()]

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()


@pytest.fixture(autouse=True)
def nothing_before(request: pytest.FixtureRequest) -> None:
    """Making the test database is a deployment, which leaves its marker in the outbox of the first test."""
    if "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")
        OutboxEvent.objects.all().delete()


@pytest.fixture
def writer(transactional_db: None) -> Iterator[Callable[[], Writer]]:
    """Makes writers; each has a transaction of its own."""
    with ExitStack() as stack:

        def make() -> Writer:
            new = Writer()
            stack.callback(new.close)
            return new

        yield make


class Desk:
    """A relay's insides without its loop: a session, a lease, and a shard that publishes into ``broker``."""

    def __init__(self, settings: RelaySettings) -> None:
        self.settings = settings
        self.broker = MemoryPublisher()
        self.session = Session("default")
        self.link = Link(LEASE_SECONDS)
        self.stretches = Stretches(self.session, self.link, lambda: None, settings.page_rows)
        self.sender = Sender(self.broker, margin=0.0)
        self.owner: UUID = uuid4()
        self.open()

    def open(self) -> OwnedShard:
        """Take the shard (again), as after a restart."""
        lease = Lease.acquire(self.session, self.owner, LEASE_SECONDS)
        assert lease is not None, "somebody owns the shard"
        context = Context(self.sender, BinaryEncoder("/test"), self.settings, self.link, lambda: None)
        self.shard = OwnedShard(self.session, lease, context, self.stretches)
        return self.shard

    def reopen(self) -> OwnedShard:
        self.shard.lease.release(self.session)
        return self.open()

    def drain(self) -> list[str]:
        """Publish until nothing is left; the payloads of what was published now."""
        return payloads(self.drain_records())

    def drain_records(self) -> list[Record]:
        before = len(self.broker.records)
        while self.shard.step() or self.shard.release():
            pass
        return self.broker.records[before:]

    def close(self) -> None:
        self.sender.close(0)
        self.session.close()


@contextmanager
def running(publisher: MemoryPublisher, **options: Any) -> Iterator[Relay]:
    """A relay in a thread."""
    with running_relay(
        Relay("default", RelaySettings(**options), publisher, BinaryEncoder("/test"))
    ) as relay:
        yield relay


@contextmanager
def running_relay(relay: Relay) -> Iterator[Relay]:
    """The same for one that a test has made."""
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(60)


def insert(bucket: int, topic: str, count: int = 1) -> None:
    """Commit events of a bucket."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, {"bucket": bucket, "topic": topic, "key": "k", "first": 1, "last": count})


def divide(count: int) -> None:
    """Have so many shards."""
    resharding.reshard("default", count)


def wait_for_lock(text: str) -> None:
    """Return when a statement with this in its text waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(query, [f"%{text}%"])
            return bool(cursor.fetchone()[0])

    wait_until(waits, 60, f"{text} waits for a lock")


def pause(topic: str) -> None:
    with transaction.atomic():
        pausing.pause(topic, "default", any_topic=True)


def resume(topic: str) -> None:
    with transaction.atomic():
        pausing.resume(topic, "default")


def payloads(records: list[Record]) -> list[str]:
    return [(record.value or b"").decode() for record in records]


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Callable[..., Desk]]:
    """Makes desks; keyword arguments are settings of the relay."""
    with ExitStack() as stack:

        def make(**options: object) -> Desk:
            new = Desk(RelaySettings(**{"topic_grace_seconds": 0.0, **options}))  # type: ignore[arg-type]
            stack.callback(new.close)
            return new

        yield make


@pytest.fixture
def relay(
    transactional_db: None, tmp_path: Path, kafka_bootstrap: str
) -> Iterator[Callable[..., RelayProcess]]:
    """Starts relays; those that a test leaves behind are killed."""
    started: list[RelayProcess] = []

    def start(*arguments: str, **environment: str) -> RelayProcess:
        new = RelayProcess(tmp_path / f"relay-{len(started)}.log", *arguments, **environment)
        started.append(new)
        return new

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def published(kafka_bootstrap: str) -> Callable[[str], list[str]]:
    """Reads a topic from its start to its present end; the payloads, partition by partition."""
    return lambda topic: [(record.value or b"").decode() for record in records_of(kafka_bootstrap, topic)]


@pytest.fixture(params=["kafka-refuses", "kafka-is-silent", "postgres-refuses", "postgres-is-silent"])
def away(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What tells a relay that a service is where nobody listens, or listens and never answers."""
    service, _, how = request.param.partition("-")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = 1 if how == "refuses" else silent.getsockname()[1]
        yield {
            "kafka": {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"},
            "postgres": {"SHOP_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/none"},
        }[service]
