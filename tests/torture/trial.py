"""One run: writers and relays on a database and topics of their own, and in the end the verdict."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg
from psycopg.rows import scalar_row

from devstack.kafka import create_topics
from outbox.sql import text
from outbox_core.kafka_options import KAFKA_PYTHON
from tests.torture import kafka_log, ledger
from tests.torture.checker import Incident, compare
from tests.torture.fleet import ROOT, Fleet
from tests.torture.ground import Ground
from tests.torture.verdict import Verdict

LEASE_SECONDS = 3.0
SETTLE_SECONDS = 120.0
RECOVER_SECONDS = 90.0
LEAVE_SECONDS = 30.0
FAULTS_OF_ITS_OWN = ("Traceback", "deadlock", "could not serialize", "duplicate key", "violates")
CLEAN = {0, -signal.SIGTERM}
"""Exit codes after SIGTERM; the second is that of a process which has only just been started."""
HELD = re.compile(r"ERROR +relay: Holding (?:topic (\S+): |event \S+ \(\S+ topic (\S+), ).*")


class CommandFailed(Exception):
    """A command of manage.py did not end with 0."""

    @property
    def is_outage(self) -> bool:
        """Whether it may be that the database was away, and no fault of the command."""
        return not any(word in str(self) for word in FAULTS_OF_ITS_OWN)


class Trial:
    """``with Trial(ground, seed=1) as trial: ...; trial.verdict()``."""

    SETTINGS = "tests.torture.settings"

    def __init__(
        self,
        ground: Ground,
        *,
        seed: int,
        relays: int = 2,
        writers: int = 2,
        pace: float = 0.05,
        patience: float | None = None,
        clients: Sequence[str] = (KAFKA_PYTHON,),
    ) -> None:
        self.ground = ground
        self.seed = seed
        self.patience = patience
        self.name = f"torture_{secrets.token_hex(4)}"
        self.topics = {f"{self.name}.a": 3, f"{self.name}.b": 1}
        self.scenes: set[str] = set()
        """Topics with which a fault plays: what is held there, is so by design."""
        self.lost_by_database: set[UUID] = set()
        self.witnessed: list[kafka_log.Record] = []
        """What Kafka held before a fault deleted it there."""
        self.complaints: list[str] = []
        self.incidents: list[Incident] = []
        self.lock = threading.Lock()
        """Held while an incident changes what others rely on: the server, or what a scene needs."""
        self._writers_wanted, self._pace = writers, pace
        self._folder = tempfile.TemporaryDirectory(prefix="torture-")
        self.folder = Path(self._folder.name)
        self._writers: list[subprocess.Popen[bytes]] = []
        self.environ = {
            "TORTURE_DATABASE_URL": ground.url(self.name, ground.relay_entrance),
            "TORTURE_BOOTSTRAP_SERVERS": ground.gated_bootstrap_servers,
        }
        self._turns = [{"TORTURE_CLIENT": client} for client in clients]
        self.fleet = Fleet(self.folder, self.environ, relays, self._turns)

    def __enter__(self) -> Self:
        try:
            self.ground.postgres.create_database(self.name)
            self.manage("migrate", "--verbosity", "0")
            self.execute(ledger.TABLES)
            create_topics(self.ground.bootstrap_servers, self.topics)
            self.fleet.start()
            for number in range(self._writers_wanted):
                self._write(number)
            self._write(self._writers_wanted, "--holder")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.stop_writing()
        if not self.fleet.closed:
            self.fleet.close()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Of the database, past the gates."""
        return self.ground.url(self.name)

    def execute(self, query: str, parameters: Sequence[object] | None = None) -> list[Any]:
        """One statement on a connection of its own; the first column of its rows."""
        with psycopg.connect(
            self.url, connect_timeout=5, autocommit=True, row_factory=scalar_row
        ) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def manage(self, *arguments: str) -> str:
        """A command of manage.py; what it prints."""
        return self._python("manage.py", *arguments)

    def _python(self, *arguments: str) -> str:
        environ = {**self.environ, "DJANGO_SETTINGS_MODULE": self.SETTINGS, "TORTURE_DATABASE_URL": self.url}
        run = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            raise CommandFailed(f"{' '.join(arguments)} ended with {run.returncode}:\n{run.stderr}")
        return run.stdout

    def _write(self, number: int, *options: str) -> None:
        url = self.ground.url(self.name, self.ground.writer_entrance)
        command = [sys.executable, "-m", "tests.torture.writer", url, str(self.seed * 1000 + number)]
        self._writers.append(
            subprocess.Popen([*command, *self.topics, "--pace", str(self._pace), *options], cwd=ROOT)
        )

    def stop_writing(self) -> None:
        for writer in self._writers:
            writer.send_signal(signal.SIGTERM)
        for writer in self._writers:
            try:
                writer.wait(LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                writer.kill()
                self.complaints.append(f"a writer did not end within {LEAVE_SECONDS:.0f} s of SIGTERM")
        self._writers.clear()

    def now(self) -> float:
        """The time by the database, seconds since 1970."""
        return float(self.execute("SELECT extract(epoch FROM clock_timestamp())::float8")[0])

    def await_database(self, timeout: float = RECOVER_SECONDS) -> None:
        """Return once it answers again."""
        deadline = time.monotonic() + timeout
        while not self.ground.postgres.answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not answer after {timeout:.0f} s")
            time.sleep(0.05)

    def owners(self) -> list[int]:
        """The pids of the relays that own a shard."""
        return self.execute(
            "SELECT DISTINCT pid FROM outbox_relay AS r JOIN outbox_shard AS s ON s.owner = r.id"
            " WHERE lease_until > clock_timestamp()"
        )

    def mark(self) -> float:
        """What ``publishes_since`` counts from: the id of the last checkpoint, 0 while the database does not
        answer. Times would not do, as clocks are among the faults.
        """
        try:
            return float(self.execute("SELECT coalesce(max(id), 0) FROM outbox_checkpoint")[0])
        except psycopg.Error:
            return 0

    def publishes_since(self, mark: float) -> bool:
        """Whether every shard has published something since."""
        query = """
            SELECT bool_and(EXISTS (SELECT FROM outbox_checkpoint
                                    WHERE shard_id = s.id AND events > 0 AND id > %s)) FROM outbox_shard AS s
        """
        try:
            return bool(self.execute(query, (mark,))[0])
        except psycopg.Error:
            return False

    def await_publishing(self, timeout: float = RECOVER_SECONDS) -> float | None:
        """The seconds until every shard publishes again; None when that takes too long."""
        began = time.monotonic()
        while not (mark := self.mark()):
            if time.monotonic() - began > timeout:
                return None
            time.sleep(0.05)
        while not self.publishes_since(mark):
            if time.monotonic() - began > timeout:
                return None
            time.sleep(0.05)
        return time.monotonic() - began

    def silence(self) -> str:
        """What is known of a fleet that does not go on."""
        return f"relays that own a shard: {self.owners()}"

    def await_replay(self, rows: int) -> None:
        """Until no more than so many rows are pending: what the database had forgotten is sent again by
        then, and no later fault is to be blamed for it.
        """
        pending = _pending(rows + 1)
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.execute(pending)[0] > rows:
            if time.monotonic() > deadline:
                self.complaints.append(f"more than {rows} rows were pending after {SETTLE_SECONDS:.0f} s")
                return
            time.sleep(0.2)

    def settle(self) -> None:
        """Stop writing, and wait until nothing is pending or held."""
        self.stop_writing()
        pending = _pending(1)
        waiting = f"{pending} UNION ALL SELECT count(*) FROM outbox_hold"
        deadline = time.monotonic() + SETTLE_SECONDS
        while any(self.execute(waiting)):
            if time.monotonic() > deadline:
                self.complaints.append(f"something was still waiting after {SETTLE_SECONDS:.0f} s")
                return
            time.sleep(0.2)

    def verdict(self) -> Verdict:
        """Settle, end the relays, and judge."""
        self.settle()
        codes = self.fleet.close()
        if set(codes) - CLEAN or self.fleet.failed_to_leave:
            self.complaints.append(
                f"after SIGTERM relays ended with {codes} {dict(self.fleet.failed_to_leave)}"
            )
        topics = [*self.topics, *sorted(self.scenes)]
        records = self.witnessed + kafka_log.read(self.ground.bootstrap_servers, topics)
        findings = compare(
            ledger.read(self.url), records, lost_by_database=self.lost_by_database, incidents=self.incidents
        )
        logs = self.fleet.logs()
        held = [match[0] for match in HELD.finditer(logs) if (match[1] or match[2]) not in self.scenes]
        return Verdict(
            seed=self.seed,
            patience=self.patience,
            findings=findings,
            incidents=self.incidents,
            figures=json.loads(self._python("-m", "tests.torture.figures")),
            wrongly_held=held,
            exits=self.fleet.exits,
            tracebacks=logs.count("Traceback (most recent call last)"),
            complaints=self.complaints,
        )


def _pending(cap: int) -> str:
    """A query for the number of pending rows, counted up to ``cap``."""
    rows = text("pending", cap=cap).replace("{schema}", "")
    return f"SELECT count(*) FROM ({rows}) AS pending"
