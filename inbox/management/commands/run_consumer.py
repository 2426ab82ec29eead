"""manage.py run_consumer NAME: handle the events of one consumer."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.consumer import Consumer
from inbox.database import drop_dead_connection, require_migrations, require_read_committed
from inbox.errors import MigrationsMissing, UnknownConsumer
from inbox.handling.registry import registry
from inbox.handling.routing import Routes
from inbox.handling.running import Limit
from inbox.kafka import KafkaSource
from inbox.kafka.clients import connections
from inbox.metrics import METRICS, Figures
from inbox.offsets import DatabaseOffsets
from inbox.operations.bulk import operations
from inbox.process_metrics import ConsumerMetrics
from inbox.signals import started, stopped
from inbox.status.dead import remove_dead
from inbox.status.heartbeat import DATABASE
from inbox.status.outages import Outages
from outbox_core.kafka_endpoint import Endpoint
from outbox_core.operations.bulk.carrier import Carrier
from outbox_core.process import garbage
from outbox_core.process.backoff import delays
from outbox_core.process.command import Process, ProcessCommand
from outbox_core.process.exit_codes import ExitCode


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

    def refuse_misuse(self, *, name: str, **_: Any) -> None:
        try:
            settings().consumer(name)
        except UnknownConsumer as error:
            raise CommandError(str(error), returncode=ExitCode.USAGE) from error

    @property
    def shutdown_seconds(self) -> float:
        return settings().shutdown_seconds

    def work(self, *, name: str, apply_replays: bool = False, **options: Any) -> None:
        inbox = settings()
        consumer = inbox.consumer(name)
        with (
            self.process("inbox", seconds=inbox.shutdown_seconds, **options) as process,
            Limit(inbox.handler_seconds).watching(),
        ):
            if process.health is not None:
                process.health.metrics.read(Figures(inbox, [consumer]).samples, METRICS)
            wait_for_database(inbox, name, process)
            remove_dead(inbox, consumer)
            offsets = DatabaseOffsets(name, inbox.database)
            source = _source(inbox, consumer, offsets)
            routes = Routes(registry.of(consumer.handlers), apply_replays=apply_replays)
            kafka = str(Endpoint.of(inbox.kafka_options()))
            started.send(name, topics=consumer.topics, group=consumer.group, kafka=kafka)
            carrier = Carrier(operations, inbox.database, f"consumer {name}")
            running = Consumer(
                inbox,
                consumer,
                source,
                offsets,
                routes,
                process.stop,
                progress=process.progress,
                carry_operations=carrier.notice,
            )
            if process.health is not None:
                process.health.unready = running.unready
                ConsumerMetrics(running, routes.handlers, process.health.metrics).listen()
            garbage.collect_rarely()
            with carrier:
                stopped.send(name, handled=running.run())


def _source(inbox: Settings, consumer: ConsumerSettings, offsets: DatabaseOffsets) -> KafkaSource:
    clients = connections(*inbox.kafka_client(), consumer.group)
    return KafkaSource(consumer.name, clients, topics=consumer.topics, offsets=offsets)


def wait_for_database(inbox: Settings, name: str, process: Process) -> None:
    """Return when the database answers and has all that the inbox needs, or when a stop is requested.

    Raises CommandError without its migrations, WrongIsolation unless it is READ COMMITTED.
    """
    outages = Outages(name)
    for delay in delays():
        process.progress()
        if process.stop.requested:
            return
        try:
            require_read_committed(inbox.database)
            require_migrations(inbox.database)
        except OperationalError as error:
            outages.begin(DATABASE, error)
            drop_dead_connection(inbox.database)
            process.stop.wait(delay)
        except MigrationsMissing as error:
            raise CommandError(str(error)) from error
        else:
            outages.end(DATABASE)
            return
