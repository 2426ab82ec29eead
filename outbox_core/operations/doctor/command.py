"""The base of ``outbox_doctor`` and ``inbox_doctor``."""

from __future__ import annotations

import shutil
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from outbox_core.operations.command import OperatorCommand, json_text, until_reader_leaves
from outbox_core.operations.doctor.report import MARKS, PLAIN_MARKS, as_data, merged, render, summary
from outbox_core.operations.doctor.step import Outcome, Result, Step, exit_code
from outbox_core.operations.doctor.walk import walk
from outbox_core.process import logs


class DoctorCommand(OperatorCommand):
    """Prints each step as soon as it is known; the worst one is the exit code."""

    failure_code = 2
    logger: str

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="print the results as JSON, at the end")
        parser.add_argument(
            "--round-trip",
            metavar="TOPIC",
            help="also write a test record to this topic, as it is called in Kafka, and read it back",
        )
        parser.add_argument(
            "--even-events",
            action="store_true",
            help="allow --round-trip on a topic of events: its consumers get the test record, an event of "
            "type outbox.doctor.test",
        )

    @abstractmethod
    def subject(self, options: dict[str, Any]) -> dict[str, str]:
        """What is examined, by name, such as the database."""

    @abstractmethod
    def steps(self, options: dict[str, Any]) -> Iterable[Step]:
        """The way. Nothing is asked yet."""

    def handle(self, *args: object, **options: Any) -> None:
        logs.set_up(self.logger, options["verbosity"])
        subject, steps = self.subject(options), self.steps(options)
        results: list[Result] = []
        with until_reader_leaves():
            for result in merged(_noted(walk(steps), results)):
                self._print(result, options)
            self._end(subject, results, options)
        sys.exit(exit_code(results))

    def _print(self, result: Result, options: dict[str, Any]) -> None:
        if options["json"]:
            return
        width = shutil.get_terminal_size((80, 24)).columns
        for row in render(result, self._paint, width, self._marks):
            self.stdout.write(row.encode(self._encoding, "replace").decode(self._encoding))
        self.stdout.flush()

    def _end(self, subject: dict[str, str], results: list[Result], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json_text(as_data(subject, results)))
        else:
            self.stdout.write(f"\n{summary(results)}")
        self.stdout.flush()

    @property
    def _encoding(self) -> str:
        return getattr(self.stdout, "encoding", None) or "utf-8"

    @property
    def _marks(self) -> dict[Outcome, str]:
        try:
            "".join(MARKS.values()).encode(self._encoding)
        except UnicodeEncodeError:
            return PLAIN_MARKS
        return MARKS

    def _paint(self, text: str, outcome: Outcome) -> str:
        if outcome in (Outcome.NOT_USED, Outcome.NOT_TRIED):
            return text
        return (self.style.SUCCESS, self.style.WARNING, self.style.ERROR)[outcome.exit_code](text)


def _noted(results: Iterable[Result], into: list[Result]) -> Iterator[Result]:
    """Each of them, after it was added to a list."""
    for result in results:
        into.append(result)
        yield result
