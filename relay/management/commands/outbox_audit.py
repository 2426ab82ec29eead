"""manage.py outbox_audit: prove that Kafka has every published event.

It is a command of the app ``relay``, because it reads Kafka with the options of the relay.
"""

from __future__ import annotations

import os
import socket
from contextlib import closing, suppress
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from tqdm import tqdm

from outbox.errors import LogUnsafe, OutboxError
from outbox.log.privileges import STATUS
from outbox.management.operator import add_database
from outbox.status.failure import problem_of
from outbox_core.database import own_connection
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.command import StatusCommand
from outbox_core.operations.doctor.kafka import ASK_SECONDS
from outbox_core.operations.report import Problem, Report, State
from outbox_core.process import logs
from outbox_core.process.arguments import moment, seconds
from outbox_core.process.exit_codes import INTERRUPTED, ExitCode
from outbox_core.process.stopping import stop_on_signals
from relay import log_lines
from relay.audit import text
from relay.audit.audit import Audit
from relay.audit.continuous import row
from relay.audit.continuous.auditor import Auditor
from relay.audit.kafka import KafkaLog, open_reader
from relay.audit.log import Log
from relay.audit.scope import Scope
from relay.conf import settings

EVERY_SECONDS = 15.0


class Command(StatusCommand):
    help = (
        "Prove that Kafka has every published event of a range of time, with equal bytes and in order for "
        "each key, and nothing else with our source. It changes nothing. Exit code: 0 proved; 1 not proved, "
        "because the time was over or the order of two transactions is not known; 2 something is missing, "
        "phantom, altered or out of order, or one side cannot be read."
    )
    expected = (OutboxError,)

    def add_arguments(self, parser: CommandParser) -> None:
        add_database(parser)
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="events created at this time or later, such as 2026-01-31T12:00Z",
        )
        parser.add_argument(
            "--until", type=moment, metavar="TIME", help="only events created before this time"
        )
        parser.add_argument(
            "--topic",
            action="append",
            default=[],
            help="only this topic, as Kafka knows it; may be given several times (default: all)",
        )
        parser.add_argument(
            "--timeout",
            type=seconds,
            metavar="SECONDS",
            help="stop after so long, with what was found so far",
        )
        parser.add_argument("--json", action="store_true", help="print everything as JSON, also on failure")
        _add_continuous(parser)

    def read(self, **options: Any) -> Report:
        scope = Scope(since=options["since"], until=options["until"], topics=frozenset(options["topic"]))
        bars = partial(_bar, None if options["verbosity"] else True)
        try:
            _require_sequence()
            with closing(KafkaLog(open_reader(ASK_SECONDS))) as kafka:
                audit = Audit(Log(options["database"]), kafka, scope, bars, options["timeout"])
                return text.report(options["database"], audit.run())
        except KafkaUnreachable as error:
            message = f"Kafka cannot be read: {str(error).rstrip('.')}."
            problem = Problem(
                state=State.UNREADABLE, text=message, remedy="outbox_doctor examines each step."
            )
        except LogUnsafe as error:
            problem = problem_of(options["database"], error, STATUS)
        return self.failed(problem, options)

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return problem_of(options["database"], error, STATUS)

    def failed(self, problem: Problem, options: dict[str, Any]) -> Report:
        return text.failed(options["database"], problem)

    def handle(self, *args: object, **options: Any) -> None:
        try:
            if options["every"] is not None and not options["continuous"]:
                raise CommandError("--every is for --continuous only.", returncode=ExitCode.USAGE)
            if options["reset"]:
                self._reset(options["database"])
            elif options["continuous"]:
                self._continue(**options)
            else:
                super().handle(*args, **options)
        except KeyboardInterrupt as error:
            raise CommandError("Stopped: nothing was proved.", returncode=INTERRUPTED) from error

    def _reset(self, database: str) -> None:
        row.reset(database)
        self.say("Forgotten. Continuous audits begin again, with events that are created from now on.")

    def _continue(self, *, database: str, every: float | None, verbosity: int, **options: Any) -> None:
        given = [f"--{name}" for name in ("since", "until", "topic", "timeout", "json") if options[name]]
        if given:
            message = f"--continuous compares everything: leave out {', '.join(given)}."
            raise CommandError(message, returncode=ExitCode.USAGE)
        every = EVERY_SECONDS if every is None else every
        _require_sequence()
        log_lines.listen()
        logs.set_up("relay", verbosity)
        ours = row.AuditRow(database, f"outbox_audit {socket.gethostname()}:{os.getpid()}")
        auditor = Auditor(database, partial(open_reader, ASK_SECONDS), every, ours)
        with stop_on_signals() as stop:
            while not stop.requested:
                with suppress(DatabaseError, InterfaceError), own_connection(database):  # it is logged
                    auditor.turn()
                stop.wait(every)
            with suppress(DatabaseError, InterfaceError):
                auditor.give_back()


def _add_continuous(parser: CommandParser) -> None:
    parser.add_argument(
        "--continuous",
        action="store_true",
        help="compare what is new, and look again at what is proved, until SIGTERM or Ctrl-C; "
        "outbox_status shows how far it has come",
    )
    parser.add_argument(
        "--every",
        type=seconds,
        metavar="SECONDS",
        help=f"with --continuous: how often (default: {EVERY_SECONDS:g})",
    )
    parser.add_argument(
        "--reset",
        action="store_true",
        help="forget what continuous audits have proved and found: they begin again, with events that "
        "are created from now on",
    )


def _require_sequence() -> None:
    if "sequence" not in settings().extensions:
        raise ImproperlyConfigured(
            'RELAY["EXTENSIONS"] leaves out "sequence", by which an audit finds the event of a record. Add '
            "it; events that were sent without it cannot be audited."
        )


def _bar(disable: bool | None, what: str, total: int) -> Any:
    return tqdm(total=total, desc=what, unit="", unit_scale=True, disable=disable)
