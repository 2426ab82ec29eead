from __future__ import annotations

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from inbox.backoff import delays
from inbox.conf import Settings, settings
from inbox.consumer import Consumer
from inbox.database import drop_dead_connection, require_migrations
from inbox.delivery import Routes
from inbox.errors import MigrationsMissing, UnknownConsumer
from inbox.heartbeat import DATABASE
from inbox.kafka import KafkaSource
from inbox.outages import Outages
from inbox.registry import registry
from inbox.running import Limit
from inbox.shutdown import Shutdown, Stop
from inbox.signals import started, stopped


class Command(BaseCommand):
    """Run a consumer of INBOX["CONSUMERS"] until SIGTERM."""

    help = (
        "Brings the events of a consumer's topics to its handlers. SIGTERM finishes what is in hand, a "
        "second one forces. "
        "Exit codes: 0 stopped when asked, 1 error, 2 usage, 3 shutdown forced or timed out, 4 a handler "
        "took longer than INBOX['HANDLER_SECONDS'] and could not be interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="one of INBOX['CONSUMERS']")

    def handle(self, *, name: str, verbosity: int, **_: Any) -> None:
        _log_to_stderr(verbosity)
        inbox = settings()
        try:
            consumer = inbox.consumer(name)
        except UnknownConsumer as error:
            raise CommandError(str(error), returncode=2) from error
        shutdown = Shutdown(inbox.shutdown_seconds)
        shutdown.install()
        Limit(inbox.handler_seconds).install()
        _wait_for_database(inbox, name, shutdown)
        source = KafkaSource(
            name,
            bootstrap_servers=inbox.bootstrap_servers,
            topics=consumer.topics,
            group=consumer.group,
            options=inbox.options,
        )
        routes = Routes(registry.of(consumer.handlers))
        started.send(name, topics=consumer.topics, group=consumer.group)
        try:
            handled = Consumer(inbox, consumer, source, routes, shutdown).run()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        stopped.send(name, handled=handled)


def _wait_for_database(inbox: Settings, name: str, stop: Stop) -> None:
    outages = Outages(name)
    for delay in delays():
        if stop.requested:
            return
        try:
            require_migrations(inbox.database)
        except OperationalError as error:
            outages.begin(DATABASE, error)
            drop_dead_connection(inbox.database)
            stop.wait(delay)
        except MigrationsMissing as error:
            raise CommandError(str(error)) from error
        else:
            outages.end(DATABASE)
            return


def _log_to_stderr(verbosity: int) -> None:
    if not logging.getLogger().handlers:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    inbox = logging.getLogger("inbox")
    if inbox.level == logging.NOTSET:
        # The root's default, WARNING, would let the begin of an outage through and not its end.
        inbox.setLevel(logging.INFO)
    kafka = logging.getLogger("kafka")
    if kafka.level == logging.NOTSET:
        # The client tells of every attempt to connect; that Kafka is gone is said once, by the inbox.
        kafka.setLevel(
            {0: logging.CRITICAL, 1: logging.CRITICAL, 2: logging.WARNING}.get(verbosity, logging.DEBUG)
        )
