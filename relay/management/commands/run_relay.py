"""manage.py run_relay: publish the outbox to Kafka."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from outbox import metrics
from outbox.conf import settings as outbox_settings
from outbox.errors import LogUnsafe
from outbox.operations.bulk import operations
from outbox_core.kafka_endpoint import Endpoint
from outbox_core.operations.bulk.carrier import Carrier, OutsideCarrier
from outbox_core.process import garbage
from outbox_core.process.arguments import seconds
from outbox_core.process.command import ProcessCommand
from outbox_core.process.exit_codes import ExitCode
from relay import log_lines, minutes, signals, spans
from relay.background import BackgroundJobs
from relay.conf import RelaySettings, settings
from relay.consumer_groups.watch import GroupsWatch
from relay.engine import Relay
from relay.metrics import RelayMetrics
from relay.publishers.base import Publisher
from relay.standbys import log_standbys

if TYPE_CHECKING:
    from outbox_core.process.health import Health


class Command(ProcessCommand):
    help = (
        "Publish committed outbox events to Kafka, in order, until SIGTERM or Ctrl-C. Several relays share "
        "the shards; a relay without one is a standby. Exit codes: 0 clean, 1 error, 2 usage, 3 shutdown "
        "forced or timed out, 4 not drained."
    )
    logger = "relay"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--drain", action="store_true", help="publish what there is, then end")
        parser.add_argument(
            "--timeout",
            type=seconds,
            metavar="SECONDS",
            help="with --drain: give up after this many seconds, with exit code 4 (default: no limit)",
        )
        parser.add_argument(
            "--database", default=DEFAULT_DB_ALIAS, help="alias of the outbox's database (default: default)"
        )

    def refuse_misuse(self, *, drain: bool, timeout: float | None, database: str, **_: Any) -> None:
        problem = ""
        if database not in connections:
            problem = f"There is no database {database!r} in DATABASES: {', '.join(connections)}."
        elif (vendor := connections[database].vendor) != "postgresql":
            problem = f"Database {database!r} is {vendor}; the outbox needs PostgreSQL."
        elif timeout is not None and not drain:
            problem = "--timeout needs --drain."
        if problem:
            raise CommandError(problem, returncode=ExitCode.USAGE)

    @property
    def shutdown_seconds(self) -> float:
        return settings().shutdown_seconds

    def supervises(self, *, processes: int, database: str, **_: Any) -> None:
        """Compare it with the number of shards, in a thread: a database may never answer."""
        Thread(target=log_standbys, args=(database, processes), name="standbys", daemon=True).start()

    def work(self, *, drain: bool, timeout: float | None, database: str, **options: Any) -> None:
        log_lines.listen()
        spans.listen()
        config = settings()
        with self.process("relay", seconds=config.shutdown_seconds, timeout=timeout, **options) as process:
            encode = config.encoder(outbox_settings().source)
            publisher = config.make_publisher()
            carriers = [each(operations, database, "relay") for each in (Carrier, OutsideCarrier)]

            def carry() -> None:
                for carrier in carriers:
                    carrier.notice()

            relay = Relay(
                database, config, publisher, encode, process.stop, process.progress, carry,
                another=config.make_publisher,
            )  # fmt: skip
            if process.health is not None:
                _watch(relay, process.health)
            others = [_background_jobs(database, config, publisher), *_auditing(database, config)]
            for other in others:
                other.start()
            signals.started.send(Relay, database=database, kafka=_destination(config, publisher))
            garbage.collect_rarely()
            try:
                with ExitStack() as stack:
                    for carrier in carriers:
                        stack.enter_context(carrier)
                    drained = relay.run(drain=drain)
            except LogUnsafe as error:
                raise CommandError(str(error), returncode=ExitCode.ERROR) from error
            finally:
                for other in others:
                    other.stop()
        if drain and not drained:
            self.stderr.write("relay: not drained; run it again. Nothing is lost.")
            sys.exit(ExitCode.NOT_DRAINED)


def _watch(relay: Relay, health: Health) -> None:
    """Have the health of the process say what the relay and its outbox do."""
    health.unready = relay.unready
    RelayMetrics(relay, health.metrics).listen()
    health.metrics.read(metrics.reader(relay.alias), metrics.METRICS)


def _background_jobs(database: str, config: RelaySettings, publisher: Publisher) -> BackgroundJobs:
    """The figures of the status page. A publisher of the user's own may be unable to ask for groups."""
    jobs: list[Callable[[], object]] = [partial(minutes.write, database)]
    inspector = getattr(publisher, "inspector", None)
    if config.groups_seconds is not None and inspector is not None:
        jobs.append(GroupsWatch(database, _name(), inspector, config.groups_seconds).turn)
    return BackgroundJobs(database, jobs)


def _auditing(database: str, config: RelaySettings) -> Iterator[BackgroundJobs]:
    """The continuous audit, in a thread of its own: a turn may take half of the time between two."""
    if config.audit_seconds is not None:
        # A relay that does not audit loads nothing that reads Kafka.
        from outbox_core.operations.doctor.kafka import ASK_SECONDS
        from relay.audit.continuous.auditor import Auditor
        from relay.audit.continuous.row import AuditRow
        from relay.audit.kafka import open_reader

        row = AuditRow(database, f"relay {_name()}")
        auditor = Auditor(database, partial(open_reader, ASK_SECONDS), config.audit_seconds, row)
        yield BackgroundJobs(database, [auditor.turn], config.audit_seconds)


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _destination(config: RelaySettings, publisher: Publisher) -> str:
    """Where the publisher connects. One of the user's own is only named."""
    if getattr(publisher, "client", ""):
        return f"Kafka at {Endpoint.of(config.kafka_options)}"
    return type(publisher).__name__
