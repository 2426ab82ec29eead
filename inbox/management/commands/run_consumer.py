"""manage.py run_consumer NAME: handle the events of one consumer."""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.consumer import Consumer
from inbox.database import reconnect, require_all_rows, require_migrations, require_read_committed
from inbox.errors import MigrationsMissing, UnknownConsumer
from inbox.handling.registry import registry
from inbox.handling.routing import Routes
from inbox.handling.running import Limit
from inbox.kafka import KafkaSource
from inbox.kafka.clients import connections
from inbox.metrics import METRICS, Figures
from inbox.models.held_queries import Share
from inbox.offsets import DatabaseOffsets
from inbox.operations.bulk import operations
from inbox.process_metrics import ConsumerMetrics, Counts
from inbox.signals import started, stopped
from inbox.status.dead import remove_dead
from inbox.status.heartbeat import DATABASE
from inbox.status.outages import Outages
from inbox.status.waiting import Waiting
from inbox.workers.channel import TO_WORKER, Channel
from inbox.workers.consumer import ParallelConsumer
from inbox.workers.figures import Recorder, show
from inbox.workers.offsets import ROWS, PoolOffsets, WorkerOffsets
from inbox.workers.place import WorkerPlace
from inbox.workers.pool import Pool
from inbox.workers.worker import Worker
from outbox_core.address import Address
from outbox_core.kafka_endpoint import Endpoint
from outbox_core.operations.bulk.carrier import Carrier
from outbox_core.process import garbage
from outbox_core.process.arguments import MOST_PROCESSES, WHY_NO_MORE
from outbox_core.process.backoff import delays
from outbox_core.process.command import Process, ProcessCommand
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.supervised import Supervised
from outbox_core.process.supervisor import LATER_SECONDS


class Command(ProcessCommand):
    """Run a consumer of INBOX["CONSUMERS"] until SIGTERM."""

    help = (
        "Passes the events of a consumer's topics to its handlers. SIGTERM finishes current work; another "
        "one, more than a second later, forces the end. "
        "Exit codes: 0 stopped when asked, 1 error, 2 usage, 3 shutdown forced or timed out, "
        "5 a handler took longer than INBOX['HANDLER_SECONDS'] and could not be interrupted."
    )
    logger = "inbox"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="one of INBOX['CONSUMERS']")
        parser.add_argument(
            "--apply-replays",
            action="store_true",
            help="pass replayed events (ce_replay) to all handlers, also to those without replays=True",
        )
        parser.add_argument("--worker", type=WorkerPlace.read, help=argparse.SUPPRESS)

    def refuse_misuse(self, *, name: str, processes: int, **_: Any) -> None:
        try:
            workers = settings().consumer(name).workers
        except UnknownConsumer as error:
            raise CommandError(str(error), returncode=ExitCode.USAGE) from error
        if processes * workers > MOST_PROCESSES:
            many = (
                f"{processes} processes with {workers} WORKERS each are more than {MOST_PROCESSES} processes"
            )
            raise CommandError(f"{many}: {WHY_NO_MORE}.", returncode=ExitCode.USAGE)

    @property
    def shutdown_seconds(self) -> float:
        return settings().shutdown_seconds

    def work(
        self, *, name: str, apply_replays: bool = False, worker: WorkerPlace | None = None, **options: Any
    ) -> None:
        inbox = settings()
        consumer = inbox.consumer(name)
        routes = Routes(registry.of(consumer.handlers), apply_replays=apply_replays)
        if worker is not None:
            self._work_for_a_consumer(inbox, consumer, routes, worker, **options)
        elif consumer.workers > 1:
            self._read_for_workers(inbox, consumer, routes, **options)
        else:
            self._read_and_handle(inbox, consumer, routes, **options)

    def _read_and_handle(
        self, inbox: Settings, consumer: ConsumerSettings, routes: Routes, **options: Any
    ) -> None:
        with (
            self.process("inbox", seconds=inbox.shutdown_seconds, **options) as process,
            Limit(inbox.handler_seconds).watching(),
        ):
            offsets = DatabaseOffsets(consumer.name, inbox.database)
            with self._reading(inbox, consumer, offsets, process) as (source, carrier):
                running = Consumer(
                    *(inbox, consumer, source, offsets, routes, process.stop),
                    progress=process.progress,
                    carry_operations=carrier.notice,
                )
                self._run(running, inbox.database, routes, process)

    def _read_for_workers(
        self, inbox: Settings, consumer: ConsumerSettings, routes: Routes, **options: Any
    ) -> None:
        """Read, and start workers that handle."""
        if not self._argv:
            raise CommandError("WORKERS works on a command line only.", returncode=ExitCode.USAGE)
        supervised = options.get("supervised")
        rows = f"{ROWS}{uuid4()}"
        offsets = PoolOffsets(consumer.name, inbox.database, rows)

        def command(number: Supervised, descriptor: int) -> Sequence[str]:
            label = f"{supervised.number}." if supervised else ""
            place = WorkerPlace(f"{label}w{number.number}", rows, descriptor)
            return self._command_line(number, f"--worker={place}")

        pool = Pool(
            consumer.workers,
            command,
            batch_size=consumer.batch_size,
            seconds=inbox.shutdown_seconds,
            committed=offsets.committed,
        )
        seconds = inbox.shutdown_seconds + 2 * LATER_SECONDS
        with self.process("inbox", seconds=seconds, leave=pool.leave, **options) as process:
            if process.health is not None:
                pool.figure = partial(show, metrics=process.health.metrics)
            with self._reading(inbox, consumer, offsets, process) as (source, carrier):
                running = ParallelConsumer(
                    *(inbox, consumer, source, offsets, routes, process.stop, time.monotonic),
                    progress=process.progress,
                    pool=pool,
                    carry_operations=carrier.notice,
                )
                self._run(running, inbox.database, routes, process)

    def _work_for_a_consumer(
        self,
        inbox: Settings,
        consumer: ConsumerSettings,
        routes: Routes,
        place: WorkerPlace,
        *,
        http: Address | None = None,
        **options: Any,
    ) -> None:
        """Be one of the workers."""
        with (
            self.process("inbox", seconds=inbox.shutdown_seconds, label=place.label, **options) as process,
            Limit(inbox.handler_seconds).watching(),
        ):
            number = options["supervised"].number
            offsets = WorkerOffsets(consumer.name, inbox.database, (place.rows, number))
            channel = Channel(socket.socket(fileno=place.descriptor), TO_WORKER)
            wait_for_database(inbox, consumer.name, process)
            figures, share = Recorder(), Share(number - 1, consumer.workers)
            running = Worker(
                *(inbox, consumer, routes, offsets, channel, process.stop, process.progress, figures, share)
            )
            if http is not None:
                Counts(consumer.name, routes.handlers, figures).listen()
            garbage.collect_rarely()
            with Waiting(running, inbox.database).watching():
                running.run()

    @contextmanager
    def _reading(
        self, inbox: Settings, consumer: ConsumerSettings, offsets: DatabaseOffsets, process: Process
    ) -> Iterator[tuple[KafkaSource, Carrier]]:
        """Where the records come from. Meanwhile the process carries out operations."""
        name = consumer.name
        if process.health is not None:
            process.health.metrics.read(Figures(inbox, [consumer]).samples, METRICS)
        wait_for_database(inbox, name, process)
        remove_dead(inbox, consumer)
        source = _source(inbox, consumer, offsets)
        kafka = str(Endpoint.of(inbox.kafka_options()))
        started.send(name, topics=consumer.topics, group=consumer.group, kafka=kafka)
        with Carrier(operations, inbox.database, f"consumer {name}") as carrier:
            yield source, carrier

    def _run(self, running: Consumer, database: str, routes: Routes, process: Process) -> None:
        if process.health is not None:
            process.health.unready = running.unready
            ConsumerMetrics(running, routes.handlers, process.health.metrics).listen()
        garbage.collect_rarely()
        with Waiting(running, database).watching():
            handled = running.run()
        stopped.send(running.name, handled=handled)


def _source(inbox: Settings, consumer: ConsumerSettings, offsets: DatabaseOffsets) -> KafkaSource:
    clients = connections(*inbox.kafka_client(), consumer.group)
    return KafkaSource(consumer.name, clients, topics=consumer.topics, offsets=offsets)


def wait_for_database(inbox: Settings, name: str, process: Process) -> None:
    """Return when the database answers and has all that the inbox needs, or when a stop is requested.

    Raises CommandError without its migrations, DatabaseUnfit if it is not as the inbox needs it.
    """
    outages = Outages(name)
    for delay in delays():
        process.progress()
        if process.stop.requested:
            return
        try:
            require_read_committed(inbox.database)
            require_migrations(inbox.database)
            require_all_rows(inbox.database)
        except OperationalError as error:
            outages.begin(DATABASE, error)
            reconnect(inbox.database, error)
            process.stop.wait(delay)
        except MigrationsMissing as error:
            raise CommandError(str(error)) from error
        else:
            outages.end(DATABASE)
            return
