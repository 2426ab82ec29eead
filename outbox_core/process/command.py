"""The base of ``run_relay`` and ``run_consumer``: a process that runs until it is asked to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
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
from outbox_core.process.arguments import address
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.liveness import Liveness
from outbox_core.process.notify import Notifier
from outbox_core.process.stopping import StopSignals, StopToken

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from outbox_core.process.health import Health

LOG_FORMATS = TEXT, JSON = "text", "json"


@dataclass(frozen=True, slots=True)
class Process:
    """The loop must call ``progress`` whenever it makes progress, also while it waits in an outage.
    ``health`` is what the process says of itself with --http, otherwise None.
    """

    stop: StopToken
    progress: Callable[[], None]
    health: Health | None = None


class ProcessCommand(BaseCommand):
    """A command that runs a loop. ``logger`` names its log."""

    logger: str

    def add_arguments(self, parser: CommandParser) -> None:
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
            "off). Needs the extra `metrics`",
        )
        parser.add_argument(
            "--log-format",
            choices=LOG_FORMATS,
            default=TEXT,
            help="text, or json: one object a line, with the action and its fields (default: text)",
        )

    @contextmanager
    def process(
        self,
        name: str,
        *,
        seconds: float,
        timeout: float | None = None,
        verbosity: int = 1,
        liveness_file: Path | None = None,
        http: Address | None = None,
        log_format: str = TEXT,
        **_: Any,
    ) -> Iterator[Process]:
        """The process, with its log, its signals, its liveness file, its HTTP server and its reports to
        systemd. ``seconds`` is how long it may take to stop. After ``timeout`` seconds it stops without a
        signal. The rest are the command's options; those that are not named here do not matter.
        """
        logs.set_up(self.logger, verbosity, as_json=log_format == JSON)
        stop = StopToken()
        signals = StopSignals(name, stop, seconds=seconds)
        with ExitStack() as stack:
            try:
                notifier = stack.enter_context(Notifier.of_unit())
                health = self._health(name, http, stop, stack) if http else None
                touch = stack.enter_context(Liveness(liveness_file, name)).touch if liveness_file else None
                signals.install(timeout=timeout)
                stack.callback(signals.ignore)
                stack.callback(notifier.stopping)
                yield Process(stop, _progress(touch, health, notifier), health)
            except ProcessError as error:
                raise CommandError(str(error), returncode=ExitCode.USAGE) from error
            except ImproperlyConfigured as error:
                raise CommandError(str(error), returncode=ExitCode.ERROR) from error

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
    touch: Callable[[], None] | None, health: Health | None, notifier: Notifier
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
