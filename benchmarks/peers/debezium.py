"""Debezium's outbox event router in Kafka Connect, on the same table as ours.

https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.db import connection

from devstack import ports
from devstack.deadline import reached
from devstack.errors import DevstackError
from devstack.kafka import java
from devstack.kafka.jars import Bundle
from devstack.kafka.launcher import LOG4J, QUIET
from devstack.process import Process, remove_folder, temporary_folder

VERSION = "3.7.0.Final"
_CONNECTOR = "debezium-connector-postgres-*.jar"
JARS = Bundle("Debezium", VERSION, _CONNECTOR, name="debezium", of=__file__, megabytes=41)
HEAP = ("-Xms1g", "-Xmx1g")
START_SECONDS = 180.0
WORKER = {
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    "plugin.discovery": "service_load",
    "producer.linger.ms": "5",
    "producer.batch.size": "262144",
    "producer.buffer.memory": "134217728",
}
CONNECTOR = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "plugin.name": "pgoutput",
    "slot.name": "debezium",
    "publication.autocreate.mode": "filtered",
    "table.include.list": "public.outbox_event",
    "snapshot.mode": "no_data",
    "topic.prefix": "debezium",
    "tombstones.on.delete": "false",
    "binary.handling.mode": "bytes",
    "max.batch.size": "16384",
    "max.queue.size": "65536",
    "poll.interval.ms": "5",
    "transforms": "outbox",
    "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
    "transforms.outbox.table.field.event.id": "event_id",
    "transforms.outbox.table.field.event.key": "key",
    "transforms.outbox.table.field.event.payload": "payload",
    "transforms.outbox.route.by.field": "topic",
    "transforms.outbox.route.topic.replacement": "${routedByValue}",
    "transforms.outbox.table.fields.additional.placement": (
        "type:header:ce_type,content_type:header:content-type,source:header:ce_source"
    ),
}


class Debezium:
    """One connector in one JVM, which lives on while the connector is stopped: so its code stays compiled."""

    def __init__(self, database: Mapping[str, Any], bootstrap_servers: str) -> None:
        self._database = database
        self._folder = temporary_folder("debezium")
        self._port = ports.reserve()
        worker = self._folder / "worker.properties"
        worker.write_text("".join(f"{name}={value}\n" for name, value in self._worker(bootstrap_servers)))
        command = [
            java.find().program, *HEAP, *QUIET, f"-Dlog4j2.configurationFile={LOG4J}",
            "-cp", f"{JARS.brought()}/*", "org.apache.kafka.connect.cli.ConnectStandalone", str(worker),
        ]  # fmt: skip
        self._process = Process("Debezium", command, log=self._folder / "connect.log")

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Make the slot, from which on everything is sent."""
        self._process.await_answer(self._answers, timeout=START_SECONDS)
        self._call("PUT", "/connectors/debezium/config", {**CONNECTOR, **self._place()})
        self._await("RUNNING")

    def stop(self) -> None:
        """Stop the connector, not the JVM. It forgets its offsets: when it resumes, it starts where the slot
        is, which may be moved meanwhile.
        """
        self._call("PUT", "/connectors/debezium/stop")
        self._await("STOPPED")
        self._call("DELETE", "/connectors/debezium/offsets")

    def skip(self) -> None:
        """Have it send nothing of what was committed until now. Only while it is stopped."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) "
                "FROM pg_replication_slots WHERE NOT active"
            )

    def resume(self) -> None:
        """Stream again. Raises DevstackError if it fails to start."""
        self._call("PUT", "/connectors/debezium/resume")
        self._await("RUNNING")

    def close(self) -> None:
        self._process.kill()
        self._port.release()
        remove_folder(self._folder)

    def _worker(self, bootstrap_servers: str) -> list[tuple[str, str]]:
        own = {
            "bootstrap.servers": bootstrap_servers,
            "offset.storage.file.filename": str(self._folder / "offsets"),
            "listeners": f"http://127.0.0.1:{self._port.number}",
        }
        return list({**WORKER, **own}.items())

    def _place(self) -> dict[str, str]:
        wanted = {"hostname": "host", "port": "port", "user": "user", "dbname": "dbname"}
        return {f"database.{name}": str(self._database[of]) for name, of in wanted.items()} | {
            "database.password": "none"
        }

    def _answers(self) -> bool:
        try:
            self._call("GET", "/")
        except OSError:
            return False
        return True

    def _await(self, state: str) -> None:
        def is_in() -> bool:
            found = self._call("GET", "/connectors/debezium/status")
            tasks = [task["state"] for task in found["tasks"]]
            if "FAILED" in tasks:
                raise DevstackError(f"Debezium: {found['tasks'][0]['trace'][:2000]}")
            return found["connector"]["state"] == state and tasks == (
                ["RUNNING"] if state == "RUNNING" else []
            )

        if not reached(is_in, seconds=START_SECONDS):
            raise DevstackError(f"Debezium is not {state}:\n{self._process.log_end()}")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """Raises HTTPError for a refusal. A question waits while Connect is busy (404, 409)."""
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self._port.number}{path}"
        request = Request(url, data, {"Content-Type": "application/json"}, method=method)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or "null")
            except HTTPError as error:
                if error.code not in {404, 409} or method != "GET" or time.monotonic() > until:
                    raise
            time.sleep(0.2)
