"""manage.py outbox_audit: prove that Kafka has every published event.

It is a command of the app ``relay``, because it reads Kafka with the options of the relay.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing, suppress
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from tqdm import tqdm

from outbox.errors import LogUnsafe, OutboxError
from outbox.log.privileges import HOLDS, STATUS
from outbox.management.operator import add_database, topic_name
from outbox.operations import auditing
from outbox.operations.audit_preview import Preview, preview
from outbox.operations.bulk import AUDIT, operations
from outbox.status.failure import problem_of
from outbox_core.database import own_connection
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations import actor
from outbox_core.operations.bulk.following import FollowingCommand
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order
from outbox_core.operations.command import StatusCommand, until_reader_leaves
from outbox_core.operations.doctor.kafka import ASK_SECONDS
from outbox_core.operations.report import Problem, Report, State
from outbox_core.process import logs
from outbox_core.process.arguments import moment, rate, seconds
from outbox_core.process.exit_codes import INTERRUPTED, ExitCode
from outbox_core.process.stopping import stop_on_signals
from relay import log_lines
from relay.audit import text
from relay.audit.audit import Audit, require_sequence
from relay.audit.continuous import row
from relay.audit.continuous.auditor import Auditor
from relay.audit.findings import Findings
from relay.audit.kafka import KafkaLog, open_reader
from relay.audit.log import Log
from relay.audit.scope import Scope

EVERY_SECONDS = 15.0
OF_OPERATION = ("rate", "reason", "user", "dry_run")


class Command(FollowingCommand, StatusCommand):
    operations = operations
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
            type=topic_name,
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
        _add_operation(parser)
        _add_continuous(parser)

    def using(self, options: dict[str, Any]) -> str:
        return str(options["database"])

    def read(self, **options: Any) -> Report:
        scope = Scope(since=options["since"], until=options["until"], topics=frozenset(options["topic"]))
        bars = partial(_bar, None if options["verbosity"] else True)
        try:
            require_sequence()
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
        return problem_of(options["database"], error, HOLDS if options["operation"] else STATUS)

    def failed(self, problem: Problem, options: dict[str, Any]) -> Report:
        return text.failed(options["database"], problem)

    def handle(self, *args: object, **options: Any) -> None:
        try:
            _refuse_misuse(options)
            if options["reset"]:
                self._reset(options["database"])
            elif options["continuous"]:
                self._continue(**options)
            elif options["operation"]:
                self._operate(options)
            else:
                super().handle(*args, **options)
        except KeyboardInterrupt as error:
            raise CommandError("Stopped: nothing was proved.", returncode=INTERRUPTED) from error

    def _reset(self, database: str) -> None:
        row.reset(database)
        self.say("Forgotten. Continuous audits begin again, with events that are created from now on.")

    def _operate(self, options: dict[str, Any]) -> None:
        """The same as on the page **New audit**, carried out here and by relays."""
        require_sequence()
        who, using = actor.of_command(options["user"]), options["database"]
        selection = Selection(all=True, since=options["since"], until=options["until"])
        order = auditing.order(
            selection, options["topic"], who, reason=options["reason"].strip(), rate=options["rate"]
        )
        AUDIT.check(order, using)
        found = preview(order, using)
        if options["dry_run"]:
            self._preview(order, found)
            return
        row = operations.begin(order, using, found.count.number, capped=found.count.capped)
        row = self.follow(row, who, options)
        report = text.report(using, Findings.stored(row.options["findings"]))
        with until_reader_leaves():
            self._print(report, as_json=options["json"])
            self.stdout.flush()
        sys.exit(report.exit_code)

    def _preview(self, order: Order, found: Preview) -> None:
        self.say(f"Would compare {found.words} with Kafka: {AUDIT.scope(order)}.")
        for each in found.outside:
            self.say(f"  {each}")
        self.say("Nothing was changed.")

    def _continue(self, *, database: str, every: float | None, verbosity: int, **options: Any) -> None:
        given = [f"--{name}" for name in ("since", "until", "topic", "timeout", "json") if options[name]]
        if given:
            message = f"--continuous compares everything: leave out {', '.join(given)}."
            raise CommandError(message, returncode=ExitCode.USAGE)
        every = EVERY_SECONDS if every is None else every
        require_sequence()
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


def _refuse_misuse(options: dict[str, Any]) -> None:
    if options["every"] is not None and not options["continuous"]:
        raise CommandError("--every is for --continuous only.", returncode=ExitCode.USAGE)
    given = [f"--{name.replace('_', '-')}" for name in OF_OPERATION if options[name]]
    if given and not options["operation"]:
        raise CommandError(f"{', '.join(given)}: only with --operation.", returncode=ExitCode.USAGE)
    other = [f"--{name}" for name in ("continuous", "reset", "timeout") if options[name]]
    if other and options["operation"]:
        raise CommandError(f"{', '.join(other)}: not with --operation.", returncode=ExitCode.USAGE)


def _add_operation(parser: CommandParser) -> None:
    parser.add_argument(
        "--operation",
        action="store_true",
        help="make it an operation: relays carry it out too, outbox_operations pauses, resumes and cancels "
        "it, and the ledger keeps it",
    )
    parser.add_argument(
        "--rate", type=rate, metavar="NUMBER", help="with --operation: at most so many events a second"
    )
    parser.add_argument("--reason", default="", help="with --operation: why; the ledger keeps it")
    parser.add_argument(
        "--user", metavar="USERNAME", help="with --operation: record it as done for this user"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="with --operation: print how many events it would compare, and what it cannot compare",
    )


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


def _bar(disable: bool | None, what: str, total: int) -> Any:
    return tqdm(total=total, desc=what, unit="", unit_scale=True, disable=disable)
