"""manage.py run_relay: publish the outbox to Kafka."""

from __future__ import annotations

import gc
import logging
import signal
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from outbox.cloudevents import encoder
from outbox.conf import settings as outbox_settings
from outbox_core.people.logs import stderr_handler
from relay import logs
from relay.conf import settings
from relay.engine import Relay

GC_THRESHOLD = 50_000, 20, 20


class Command(BaseCommand):
    help = (
        "Publish committed outbox events to Kafka, in order, until SIGTERM or Ctrl-C. Several relays share "
        "the shards; one without any stands by. Exit codes: 0 clean, 1 error, 2 usage, 3 shutdown timed out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--drain", action="store_true", help="publish what there is, then end")
        parser.add_argument(
            "--database", default=DEFAULT_DB_ALIAS, help="alias of the outbox's database (default: default)"
        )

    def handle(self, *, drain: bool, database: str, verbosity: int, **_: Any) -> None:
        if database not in connections:
            raise CommandError(
                f"There is no database {database!r} in DATABASES: {', '.join(connections)}.", returncode=2
            )
        if (vendor := connections[database].vendor) != "postgresql":
            raise CommandError(
                f"Database {database!r} is {vendor}; the outbox needs PostgreSQL.", returncode=2
            )
        self._log(verbosity)
        try:
            relay = self._relay(database)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: relay.stop())
            self._spare_the_collector()
            relay.run(drain=drain)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error

    @staticmethod
    def _relay(database: str) -> Relay:
        config = settings()
        encode = encoder(outbox_settings().source, config.content_mode)
        return Relay(database, config, config.make_publisher(), encode)

    @staticmethod
    def _spare_the_collector() -> None:
        """A wave makes tens of thousands of objects, and hardly a cycle: a run of 100,000 events took
        6 to 8 % longer with the collector as it is by default.
        """
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)

    @staticmethod
    def _log(verbosity: int) -> None:
        """The client's own log says each thing many times; the relay says it once. ``-v 3`` shows both."""
        logs.listen()
        if not logging.getLogger().handlers:
            handler = stderr_handler("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
            logging.basicConfig(level=logging.INFO, handlers=[handler])
        if verbosity < 3:
            logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
