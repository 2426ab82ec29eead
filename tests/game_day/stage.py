"""A relay and a consumer in processes of their own, and what a person on call sees of them."""

from __future__ import annotations

import html
import http.client
import json
import os
import re
import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from django.db import connection
from django.test import Client
from kafka import KafkaAdminClient, KafkaProducer
from prometheus_client import CollectorRegistry, generate_latest

import devstack.kafka
from inbox.metrics import InboxCollector
from outbox.metrics import OutboxCollector
from outbox.models import OutboxEvent
from outbox.write.buckets import bucket_of
from tests.game_day import alerts
from tests.game_day.names import CONSUMER, TYPE
from tests.inbox.operators import run
from tests.inbox.service import Process, manage
from tests.inbox.test_members import polled
from tests.inbox.topics import KafkaTopic
from tests.relay.processes import RelayProcess, environment_of_tests
from tests.torture.machine import Disk
from tests.torture.proxy import Proxy
from tests.waiting import wait_until

SETTINGS = "tests.game_day.settings"
SECONDS = 120.0
"""How long anything may take on a machine that is busy."""
PAGES = {"outbox": "/admin/outbox/outboxstatus/", "inbox": "/admin/inbox/inboxstatus/"}
INSERT = """
    INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, payload, headers, created_at)
    SELECT %s, %s, %s, %s, 'application/json', gen_random_uuid(), %s, '{}',
           clock_timestamp() - make_interval(secs => %s)
"""


class Kafka(NamedTuple):
    """The Kafka of a game day; ``no_disk`` is why its broker has no disk that can be filled."""

    address: str
    broker: devstack.kafka.Broker | None = None
    disk: Disk | None = None
    no_disk: str = ""


class Stage:
    """``topic`` is read by the consumer, which reaches its database through ``gate``."""

    def __init__(self, kafka: Kafka, folder: Path, client: Client, postgres_port: int) -> None:
        self.kafka = kafka.address
        self._own = kafka
        self.topic = f"game-{secrets.token_hex(5)}"
        self.orders = folder
        self.gate = Proxy(postgres_port)
        self.relays: list[RelayProcess] = []
        self._consumer: Process | None = None
        self._client = client
        self._registry = CollectorRegistry()
        devstack.kafka.create_topics(self.kafka, {self.topic: 1})

    def __enter__(self) -> Stage:
        self._registry.register(OutboxCollector())
        self._registry.register(InboxCollector(CONSUMER))
        self.start_relay()
        self._consumer = Process(
            CONSUMER,
            SETTINGS,
            self._environment | {"SHOP_DATABASE_URL": self._through(self.gate)},
            self.orders / "consumer.log",
            *("--http", "0", "--log-format", "json"),
        )
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*(relay.process for relay in self.relays), self.consumer.popen):
            process.kill()
            process.wait()
        self.gate.close()

    @property
    def consumer(self) -> Process:
        assert self._consumer is not None
        return self._consumer

    @property
    def relay(self) -> RelayProcess:
        """The last one that was started."""
        return self.relays[-1]

    def start_relay(self, **environment: str) -> None:
        log = self.orders / f"relay-{len(self.relays)}.log"
        arguments = ("--http", "0", "--log-format", "json")
        self.relays.append(RelayProcess(log, *arguments, **{**self._environment, **environment}))

    @property
    def own_broker(self) -> devstack.kafka.Broker:
        """The only broker, if it is of this game day: it may be frozen and ended."""
        if self._own.broker is None:
            pytest.skip("needs a Kafka of its own: python -m tests.game_day")
        return self._own.broker

    @property
    def disk(self) -> Disk:
        """That of the only broker."""
        if self._own.disk is None:
            pytest.skip(f"needs a disk of its own: {self._own.no_disk}")
        return self._own.disk

    @contextmanager
    def own_broker_admin(self) -> Iterator[KafkaAdminClient]:
        """An administrator of a Kafka with access control."""
        with closing(KafkaAdminClient(bootstrap_servers=self.own_broker.address)) as admin:
            yield admin

    @contextmanager
    def second_member(self) -> Iterator[None]:
        """Somebody else in the group of the consumer, who writes nothing into its database."""
        with closing(KafkaTopic(self.kafka, self.topic)) as log:
            log.group = self.topic
            with polled(log.open(), every=0.1):
                yield

    @contextmanager
    def audit(self) -> Iterator[None]:
        """One more relay, which has a continuous audit beside it."""
        arguments = ("--log-format", "json")
        environment = self._environment | {"GAME_DAY_AUDIT": "1"}
        relay = RelayProcess(self.orders / "audit.log", *arguments, **environment)
        try:
            yield
        finally:
            relay.end()

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **environment_of_tests(),
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "GAME_DAY_TOPIC": self.topic,
            "GAME_DAY_ORDERS": str(self.orders),
        }

    def _through(self, gate: Proxy) -> str:
        url = environment_of_tests()["SHOP_DATABASE_URL"]
        return re.sub(r"@[^/]*/", f"@{gate.address}/", url)

    def emit(
        self, *, topic: str = "", key: str = "k", payload: bytes = b"{}", age: float = 0.0
    ) -> OutboxEvent:
        """Commit an event that seems ``age`` seconds old."""
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [bucket_of(key), topic or self.topic, key, TYPE, payload, age])
        return OutboxEvent.objects.latest("pk")

    def send_old(self, count: int, age: float) -> None:
        """Records that have waited in Kafka for ``age`` seconds."""
        with closing(KafkaProducer(bootstrap_servers=self.kafka)) as producer:
            for number in range(count):
                attributes = {
                    "specversion": "1.0",
                    "id": secrets.token_hex(8),
                    "source": "/shop",
                    "type": TYPE,
                }
                headers = [("content-type", b"application/json")]
                headers += [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
                at = int((time.time() - age) * 1000)
                producer.send(
                    self.topic, key=f"old-{number}".encode(), value=b"{}", headers=headers, timestamp_ms=at
                )
            producer.flush()

    def report(self, side: str) -> dict[str, Any]:
        """What the status command of a side says, with its exit code."""
        arguments = {"outbox": ("outbox_status", "--json"), "inbox": ("inbox_status", "--json", CONSUMER)}
        code, text = run(*arguments[side])
        found: dict[str, Any] = json.loads(text)
        assert found["exit_code"] == code
        return found

    def report_through_gate(self) -> dict[str, Any]:
        """What ``inbox_status`` says on the host of the consumer."""
        environment = self._environment | {"SHOP_DATABASE_URL": self._through(self.gate)}
        done = manage("inbox_status", "--json", CONSUMER, settings=SETTINGS, **environment)
        return {**json.loads(done.stdout), "exit_code": done.returncode}

    def page(self, side: str) -> str:
        answer = self._client.get(PAGES[side])
        assert answer.status_code == 200
        return html.unescape(answer.content.decode())

    def alert(self, name: str) -> bool:
        texts = [generate_latest(self._registry).decode(), *self._served()]
        return alerts.fires(name, alerts.samples(texts))

    def _served(self) -> Iterator[str]:
        """The metrics of the processes that answer."""
        for log in (self.relay.log, self.consumer.log):
            port = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
            with suppress(OSError):
                if port:
                    yield _get(int(port[1]))

    def logged(self, action: str) -> list[str]:
        """The runbook of each line with this action."""
        logs = sorted(self.orders.glob("*.log"))
        lines = [line for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
        entries = [msgspec.json.decode(line) for line in lines]
        return [entry.get("runbook", "") for entry in entries if entry.get("action") == action]

    def wait_until_well(self) -> None:
        for side in PAGES:
            self._wait_until_well(side)

    def _wait_until_well(self, side: str) -> None:
        wait_until(lambda: self.report(side)["state"] == "ok", SECONDS, f"the {side} is ok")

    @contextmanager
    def frozen_relay(self) -> Iterator[None]:
        os.kill(self.relay.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.relay.process.pid, signal.SIGCONT)


def _get(port: int) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as client:
        client.request("GET", "/metrics")
        return client.getresponse().read().decode()


def problems(report: dict[str, Any], runbook: str) -> Sequence[dict[str, str]]:
    """Those with this runbook."""
    return [each for each in report["problems"] if each["runbook"] == runbook]
