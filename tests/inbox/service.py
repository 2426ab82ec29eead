"""A consumer service as it runs in production: processes of its own, a database of its own, real Kafka."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from kafka import KafkaProducer

import devstack.kafka
from outbox_core.probe import main as probe
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
SERVER = "DATABASE_URL"


def server_url(database: str) -> str:
    return f"{os.environ[SERVER].rpartition('/')[0]}/{database}"


def admin(statement: str) -> None:
    """Run a statement on the server itself."""
    with psycopg.connect(os.environ[SERVER], autocommit=True) as connection:
        connection.execute(statement)


def manage(*arguments: str, settings: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a management command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": settings, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Process:
    """One run_consumer."""

    def __init__(
        self, name: str, settings: str, environment: dict[str, str], log: Path, *arguments: str
    ) -> None:
        self.log = log
        self.liveness_file = log.with_suffix(".alive")
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [
                    sys.executable,
                    "manage.py",
                    "run_consumer",
                    name,
                    "--liveness-file",
                    str(self.liveness_file),
                    *arguments,
                ],
                cwd=ROOT,
                env={**os.environ, "DJANGO_SETTINGS_MODULE": settings, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.send(number)
        return self.popen.wait(20)

    @property
    def alive(self) -> bool:
        """What the health check of this one process says."""
        return probe([str(self.liveness_file), "--max-age", "8"]) == 0

    def wait_for_progress(self) -> None:
        """Wait until its loop has gone round again, as it does while it waits for something."""
        before = self.liveness_file.stat().st_mtime
        wait_until(lambda: self.liveness_file.stat().st_mtime > before, 20, "it makes progress")

    def text(self) -> str:
        return self.log.read_text()

    def handled(self) -> int:
        """How many events it says it handled, once it has stopped."""
        return int(self.text().rpartition(" stopped after ")[2].split()[0])


class Service:
    """The CRM on a database and topics of its own."""

    def __init__(self, template: str, kafka: str, folder: Path, partitions: int = 3) -> None:
        self.database = f"test_crm_{secrets.token_hex(5)}"
        self.prefix = f"test{secrets.token_hex(4)}."
        self.kafka = kafka
        self._template = template
        self._folder = folder
        self._producer = KafkaProducer(bootstrap_servers=kafka, linger_ms=5)
        self.processes: list[Process] = []
        self.orders: list[tuple[str, int]] = []
        topics = {f"{self.prefix}shop.{topic}": partitions for topic in ("customers", "orders")}
        devstack.kafka.create_topics(kafka, topics)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CRM_DATABASE_URL": server_url(self.database),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "KAFKA_TOPIC_PREFIX": self.prefix,
        }

    def create_database(self) -> None:
        admin(f'CREATE DATABASE "{self.database}" TEMPLATE "{self._template}"')

    def start(self, settings: str = "consumers.crm.settings", *arguments: str, **environment: str) -> Process:
        log = self._folder / f"crm-{len(self.processes)}.log"
        process = Process("crm", settings, {**self.environment, **environment}, log, *arguments)
        self.processes.append(process)
        return process

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return manage(*arguments, settings="consumers.crm.settings", **self.environment)

    def buy(self, count: int) -> None:
        """Have so many orders of 10 customers placed and paid, each worth 2.50; every tenth is taken back."""
        for _ in range(count):
            order, customer = str(uuid.UUID(int=random.getrandbits(128))), random.randint(1, 10)
            self.orders.append((order, customer))
            placed_at = "1997-01-01T00:00:00Z"
            data = {"order_id": order, "customer_id": customer, "total": "2.50", "placed_at": placed_at}
            self.send("shop.orders", order, "shop.order.placed", data)
            self.send("shop.orders", order, "shop.order.paid", data)
            if len(self.orders) % 10 == 0:
                self.send("shop.orders", order, "shop.order.cancelled", {**data, "was_paid": True})
        self._producer.flush()

    def send(self, topic: str, key: str, type_: str, data: Any) -> None:
        attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/shop", "type": type_}
        headers = [("content-type", b"application/json")]
        headers += [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        self._producer.send(
            self.prefix + topic,
            key=key.encode(),
            value=msgspec.json.encode(data),
            headers=headers,
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(server_url(self.database)) as connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def customers_locked(self) -> Iterator[None]:
        """Meanwhile no purchase can be booked."""
        with psycopg.connect(server_url(self.database)) as connection:
            connection.execute("LOCK TABLE crm_customer IN ACCESS EXCLUSIVE MODE")
            yield
            connection.rollback()

    def handled(self) -> int:
        return int(self.query("SELECT count(*) FROM inbox_processed")[0][0])

    def booked(self) -> tuple[int, float]:
        purchases, spent = self.query("SELECT sum(purchases), sum(spent) FROM crm_customer")[0]
        return int(purchases or 0), float(spent or 0)

    def expected(self) -> tuple[int, float]:
        purchases = len(self.orders) - len(self.orders) // 10
        return purchases, purchases * 2.5

    def wait_until_booked(self, timeout: float = 40) -> None:
        """Wait for the figures to be right and every event to be handled; they are to stay right then."""
        events = len(self.orders) + len(self.orders) // 10

        def done() -> bool:
            handled = self.query("SELECT count(*) FROM inbox_processed")[0][0] >= events
            return bool(handled and not self.query("SELECT FROM inbox_held WHERE retry_at IS NOT NULL"))

        wait_until(
            done, timeout, f"{events} events handled; {self.query('SELECT count(*) FROM inbox_processed')}"
        )
        assert self.query("SELECT count(*) FROM inbox_processed")[0][0] == events
        assert self.booked() == self.expected()
        assert self.query("SELECT count(*) FROM inbox_held") == [(0,)]

    def wait_until_begun(self) -> None:
        wait_until(
            lambda: self.query("SELECT 1 FROM inbox_processed LIMIT 1"), 30, "the first event is handled"
        )

    def close(self) -> None:
        for process in self.processes:
            process.popen.kill()
            process.popen.wait()
        self._producer.close()
        admin(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
