"""The base of ``run_relay`` and ``run_consumer``: a process that runs until it is asked to stop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import reset_queries

from outbox_core.address import Address
from outbox_core.errors import ProcessError
from outbox_core.process import logs
from outbox_core.process.arguments import MOST_PROCESSES, address, processes
from outbox_core.process.ending import ends_within
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.limits import is_no_thread, remedied
from outbox_core.process.liveness import Liveness
from outbox_core.process.notify import Notifier
from outbox_core.process.stopping import StopSignals, StopToken
from outbox_core.process.supervised import Link, Supervised

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from outbox_core.process.health import Health

LOG_FORMATS = TEXT, JSON = "text", "json"
LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Process:
    """The loop must call ``progress`` whenever it makes progress, also while it waits in an outage.
    ``health`` is what the process says of itself with --http, otherwise None.
    """

    stop: StopToken
    progress: Callable[[], None]
    health: Health | None = None


class ProcessCommand(BaseCommand, ABC):
    """A command that runs a loop: ``work``. ``logger`` names it and its log."""

    logger: str
    _argv: Sequence[str] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--processes",
            type=processes,
            default=1,
            metavar="N",
            help=f"start N processes of this command, up to {MOST_PROCESSES}, and start again what ends "
            "(default: 1)",
        )
        parser.add_argument("--supervised", type=Supervised.read, help=argparse.SUPPRESS)
        parser.add_argument(
            "--liveness-file",
            type=Path,
            metavar="PATH",
            help="a file of this process's own, touched while its loop makes progress and removed at the "
            "end; `python -m outbox_core.probe PATH` is the health check",
        )
        parser.add_argument(
            "--http",
            type=address,
            metavar="[HOST:]PORT",
            help="serve /live, /ready and /metrics there; on 127.0.0.1 if only a port is given (default: "
            "off). With --processes, /live and /ready at PORT are about all processes together, and the "
            "processes serve their own pages at PORT+1, PORT+2, … Needs the extra `metrics`",
        )
        parser.add_argument(
            "--log-format",
            choices=LOG_FORMATS,
            default=TEXT,
            help="text, or json: one object a line, with the action and its fields (default: text)",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        self._argv = argv
        with ends_within(lambda: self.shutdown_seconds, self.logger):
            super().run_from_argv(argv)

    def handle(self, *, processes: int = 1, supervised: Supervised | None = None, **options: Any) -> None:
        self.refuse_misuse(processes=processes, **options)
        if supervised is not None:
            self.work(supervised=supervised, **supervised.own(options))
        elif processes > 1:
            self._supervise(processes, **options)
        else:
            self.work(**options)

    def refuse_misuse(self, *_: Any, **options: Any) -> None:
        """Raise CommandError if the options mean nothing."""

    @abstractmethod
    def work(self, *_: Any, **options: Any) -> None:
        """What one process does, until it is asked to stop."""

    @property
    @abstractmethod
    def shutdown_seconds(self) -> float:
        """How long one process may take to stop."""

    def supervises(self, *_: Any, **options: Any) -> None:
        """``processes`` of them are about to be started."""

    def _supervise(self, processes: int, *, drain: bool = False, **options: Any) -> None:
        from outbox_core.process.child import Child
        from outbox_core.process.supervisor import LATER_SECONDS, Supervisor

        self._refuse_processes(processes, options["http"])
        seconds, logger = self.shutdown_seconds, logging.getLogger(self.logger)
        children = [Child(number, self._command_line) for number in range(1, processes + 1)]
        supervisor = Supervisor(children, logger, seconds=seconds, drain=drain)
        patience = seconds + 2 * LATER_SECONDS
        with self.process(self.logger, seconds=patience, leave=supervisor.leave, **options) as process:
            if process.health is not None:
                process.health.unready = supervisor.unready
            self.supervises(processes=processes, **options)
            code = supervisor.run(process.stop, process.progress)
        sys.exit(code)

    def _refuse_processes(self, processes: int, http: Address | None) -> None:
        problem = ""
        if not self._argv:
            problem = "--processes works on a command line only."
        elif http is not None and http.port + processes > LAST_PORT:
            problem = f"--http {http} leaves no ports for {processes} processes: the last one is {LAST_PORT}."
        if problem:
            raise CommandError(problem, returncode=ExitCode.USAGE)

    def _command_line(self, supervised: Supervised, *more: str) -> list[str]:
        """That of one process: this process's own, with arguments more. They come last, because a process may
        have been started with others of that name.
        """
        before = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
        return [sys.executable, *before, *self._argv[1:], f"--supervised={supervised}", *more]

    @contextmanager
    def process(
        self,
        name: str,
        /,
        *,
        seconds: float,
        timeout: float | None = None,
        verbosity: int = 1,
        liveness_file: Path | None = None,
        http: Address | None = None,
        log_format: str = TEXT,
        supervised: Supervised | None = None,
        label: str = "",
        leave: Callable[[int], object] = os._exit,
        **_: Any,
    ) -> Iterator[Process]:
        """The process, with its log, its signals, its liveness file, its HTTP server and its reports to
        systemd. ``seconds`` is how long it may take to stop. After ``timeout`` seconds it stops without a
        signal. ``label`` is shown in its log, instead of its number. The rest are the command's options;
        those that are not named here do not matter.
        """
        number = supervised.number if supervised else None
        logs.set_up(self.logger, verbosity, as_json=log_format == JSON, number=label or number)
        stop = StopToken()
        signals = StopSignals(name, stop, seconds=seconds, leave=leave)
        with ExitStack() as stack:
            try:
                notifier = stack.enter_context(Notifier.of_unit())
                health = self._health(name, http, stop, stack) if http else None
                touch = stack.enter_context(Liveness(liveness_file, name)).touch if liveness_file else None
                signals.install(timeout=timeout)
                stack.callback(signals.ignore)
                stack.callback(notifier.stopping)
                link = Link(supervised, stop, health) if supervised else None
                yield Process(stop, _progress(touch, health, link or notifier), health)
            except ProcessError as error:
                raise CommandError(str(error), returncode=ExitCode.USAGE) from error
            except ImproperlyConfigured as error:
                raise CommandError(str(error), returncode=ExitCode.ERROR) from error
            except RuntimeError as error:
                if not is_no_thread(error):
                    raise
                raise CommandError(remedied(str(error)), returncode=ExitCode.ERROR) from error

    def _health(self, name: str, http: Address, stop: StopToken, stack: ExitStack) -> Health:
        """What is served at --http, until the end of the process."""
        from outbox_core.process.health import Health
        from outbox_core.process.http import HttpServer

        health = Health(name, stop)
        server = stack.enter_context(HttpServer(http, health.pages))
        logging.getLogger(self.logger).info(
            "Serving /live, /ready and /metrics at http://%s.",
            server.address,
            extra={"action": "process.http_started", "address": str(server.address)},
        )
        return health


def _progress(
    touch: Callable[[], None] | None, health: Health | None, notifier: Notifier | Link
) -> Callable[[], None]:
    """What the loop calls when it makes progress."""
    steps = [notifier.progress, *([touch] if touch else [])]
    if health is not None:
        steps.append(health.progress)
    if settings.DEBUG:  # Django then stores every query until a request ends; here no request ends
        steps.append(reset_queries)

    def progress() -> None:
        for step in steps:
            step()

    return steps[0] if len(steps) == 1 else progress
