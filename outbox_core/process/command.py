"""The base of ``run_relay`` and ``run_consumer``: a process that runs until it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import reset_queries

from outbox_core.errors import LivenessFileUnusable
from outbox_core.process import logs
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.liveness import Liveness
from outbox_core.process.notify import Notifier
from outbox_core.process.stopping import StopSignals, StopToken

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


@dataclass(frozen=True, slots=True)
class Process:
    """The loop must call ``progress`` whenever it makes progress, also while it waits in an outage."""

    stop: StopToken
    progress: Callable[[], None]


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

    @contextmanager
    def process(
        self, name: str, *, verbosity: int, seconds: float, path: Path | None, timeout: float | None = None
    ) -> Iterator[Process]:
        """The process, with its log, its signals, its liveness file and its reports to systemd. ``seconds``
        is how long it may take to stop. After ``timeout`` seconds it stops without a signal.
        """
        logs.set_up(self.logger, verbosity)
        stop = StopToken()
        signals = StopSignals(name, stop, seconds=seconds)
        with ExitStack() as stack:
            try:
                notifier = stack.enter_context(Notifier.of_unit())
                touch = stack.enter_context(Liveness(path, name)).touch if path else _nothing
                signals.install(timeout=timeout)
                stack.callback(signals.ignore)
                stack.callback(notifier.stopping)
                progress = _each(touch, notifier.progress)
                yield Process(stop, _forgetful(progress) if settings.DEBUG else progress)
            except LivenessFileUnusable as error:
                raise CommandError(str(error), returncode=ExitCode.USAGE) from error
            except ImproperlyConfigured as error:
                raise CommandError(str(error), returncode=ExitCode.ERROR) from error


def _each(*calls: Callable[[], None]) -> Callable[[], None]:
    def progress() -> None:
        for call in calls:
            call()

    return progress


def _forgetful(touch: Callable[[], None]) -> Callable[[], None]:
    """With DEBUG, Django stores every query until a request ends. Here no request ends."""

    def progress() -> None:
        reset_queries()
        touch()

    return progress


def _nothing() -> None:
    pass
