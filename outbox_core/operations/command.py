"""The base of operators' commands: an error is one line, and a closed pipe is not an error."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from outbox_core.operations.report import Problem, Report, State, render
from outbox_core.operations.runbook import Runbook
from outbox_core.people.failure import describe
from outbox_core.people.text import in_json, line
from outbox_core.process.arguments import count_limit, limit

AGES = 100_000 * 86_400.0
"""Seconds within which everything has happened, and which PostgreSQL and Python can subtract from now."""


def json_text(data: object) -> str:
    """Indented JSON, whose characters a terminal can print."""
    text = msgspec.json.encode(data, order="deterministic")
    return in_json(msgspec.json.format(text, indent=2).decode())


def at_a_terminal() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin is not None and sys.stdin.isatty()


class OperatorCommand(BaseCommand, ABC):
    """Errors with a remedy become one line and exit with ``failure_code``."""

    requires_system_checks = ()
    failure_code = 1
    expected: tuple[type[Exception], ...] = ()
    """Errors of the app whose message has the remedy."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """A process may have been started without them: ``outbox_prune >&-``."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (to the end of the process)
        super().__init__(*args, **options)

    @abstractmethod
    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        """The problem behind a database error."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except self._explained as error:
            raise CommandError(line(error, 2_000), returncode=self.failure_code) from error
        except (DatabaseError, InterfaceError) as error:
            problem = self.explain(error, options)
            said = line(f"{problem.text} {problem.remedy}", 2_000)
            raise CommandError(said, returncode=self.failure_code) from error

    @property
    def _explained(self) -> tuple[type[Exception], ...]:
        return (*self.expected, ImproperlyConfigured)

    def confirm(self, question: str, *, code: int = 2) -> None:
        """Ask at the terminal. Raises CommandError with this exit code unless the answer is yes."""
        if not at_a_terminal():
            said = "Nothing was changed: there is no terminal at which to confirm it. Add --yes."
            raise CommandError(said, returncode=code)
        try:
            answer = input(f"{question} [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was changed.", returncode=code)

    def say(self, text: str) -> None:
        """Print a line, if there is still a reader. Control characters in user data are escaped."""
        with until_reader_leaves():
            self.stdout.write(line(text, 2_000))
            self.stdout.flush()


class StatusCommand(OperatorCommand):
    """Prints a report for people or, with --json, for machines; its state is the exit code."""

    failure_code = 2

    def add_status_options(self, parser: Any, *, max_pending: int, max_age: float | None) -> None:
        """The options of both sides."""
        no_limit = "no limit" if max_age is None else f"{max_age:g}"
        parser.add_argument("--json", action="store_true", help="print everything as JSON, also on failure")
        parser.add_argument(
            "--max-pending",
            "--max-lag",
            type=count_limit,
            metavar="EVENTS",
            default=max_pending,
            help="behind when more events wait (default: %(default)s)",
        )
        parser.add_argument(
            "--max-age",
            type=limit,
            metavar="SECONDS",
            default=max_age,
            help=f"behind when one waits for longer (default: {no_limit})",
        )

    @abstractmethod
    def read(self, **options: Any) -> Report:
        """The status."""

    @abstractmethod
    def failed(self, problem: Problem, options: dict[str, Any]) -> Report:
        """A report with only the problem that prevented it."""

    def handle(self, *args: object, **options: Any) -> None:
        report = self._read(options)
        with until_reader_leaves():
            self._print(report, as_json=options["json"])
            self.stdout.flush()
        sys.exit(report.exit_code)

    def _read(self, options: dict[str, Any]) -> Report:
        try:
            return self.read(**options)
        except (DatabaseError, InterfaceError) as error:
            problem = self.explain(error, options)
        except Exception as error:
            if isinstance(error, self._explained):
                remedy, text = "Correct the settings or the options.", str(error)
            elif options["json"]:
                remedy, text = (
                    "This is a bug: run the command without --json to see the traceback.",
                    describe(error),
                )
            else:
                raise
            page = Runbook.UNREADABLE.url
            problem = Problem(state=State.UNREADABLE, text=text, remedy=remedy, runbook=page)
        return self.failed(problem, options)

    def _print(self, report: Report, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json_text(report.data))
        else:
            for row in render(report, self._paint):
                self.stdout.write(row)

    def _paint(self, text: str, state: State) -> str:
        return (self.style.SUCCESS, self.style.WARNING, self.style.ERROR)[state.exit_code](text)


@contextmanager
def until_reader_leaves() -> Iterator[None]:
    """Print until the reader closes the pipe or the disk is full: ``outbox_status | head -1`` ends without an
    error and with its own exit code.
    """
    try:
        yield
    except OSError:
        # Python flushes stdout once more at exit, which would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
