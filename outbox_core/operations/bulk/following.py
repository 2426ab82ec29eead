"""Commands that carry an operation out, or watch others do it, with a progress bar."""

from __future__ import annotations

import os
import socket
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError
from tqdm import tqdm

from outbox_core.operations.bulk.model import BulkOperation, State
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.outside import OutsideWork
from outbox_core.operations.bulk.step import LOOK_SECONDS
from outbox_core.operations.bulk.words import counts, state
from outbox_core.operations.command import OperatorCommand, at_a_terminal
from outbox_core.people.text import line
from outbox_core.process.exit_codes import INTERRUPTED

ASK = "Interrupted. [p]ause it, [c]ancel it, or leave it [r]unning for other processes? [P/c/r] "


def tell(stderr: Any, text: str) -> None:
    """To the person who watches, beside the progress bar."""
    with tqdm.external_write_mode():
        stderr.write(line(text, 2_000))


class FollowingCommand(OperatorCommand):
    """``operations`` are those of its side."""

    operations: Operations
    _told = ""

    @abstractmethod
    def using(self, options: dict[str, Any]) -> str:
        """The alias of the database."""

    def follow(self, row: BulkOperation, who: str, options: dict[str, Any]) -> BulkOperation:
        """Carry it out until it is done. Raises CommandError if it ends in another way."""
        using = self.using(options)
        with self._continued(row), self._bar(row, options) as bar:
            try:
                for now in self._carried(using, row):
                    row, bar.total = now, now.planned
                    bar.update(row.done + row.skipped - bar.n)
                    self.noticed(row)
            except KeyboardInterrupt as error:
                bar.close()
                raise CommandError(self._interrupted(using, row, who), returncode=INTERRUPTED) from error
        if row.state != State.DONE:
            raise CommandError(self._ended(row), returncode=1)
        return row

    def judge(self, row: BulkOperation) -> None:
        """Raise CommandError if a person should look at its result, with the exit code of that."""
        concern = self.operations.verb(row).concern(row)
        if concern is not None:
            said = f"Operation {row.pk} is {state(row, self.operations)}."
            raise CommandError(
                f"{said} See {self.operations.command(row)}", returncode=concern.state.exit_code
            )

    def _carried(self, using: str, row: BulkOperation) -> Iterator[BulkOperation]:
        """Carry it out, or watch others carry it out, until it runs no longer. Yields it after each chunk.
        Raises what keeps this process from carrying it out.
        """
        others, part = self.operations.elsewhere, self._part(using, row)
        others.pop((using, row.pk), None)
        while True:
            wait = part()
            if (using, row.pk) in others:
                raise others.pop((using, row.pk))
            row = self.operations.rows(using).get(pk=row.pk)
            yield row
            if row.state != State.RUNNING:
                return
            if wait:
                time.sleep(wait)

    def _part(self, using: str, row: BulkOperation) -> Callable[[], float]:
        """Does a chunk or part of it, and returns the seconds until the next one."""
        if row.verb in self.operations.chunked:
            carry = partial(self.operations.carry, using, self._name(), only=row.pk)
            return lambda: 0.0 if carry() else LOOK_SECONDS
        work = OutsideWork(self.operations, using, self._name())
        return lambda: LOOK_SECONDS if (wait := work.carry(only=row.pk)) is None else wait

    def noticed(self, row: BulkOperation) -> None:
        """Tell what it waits for, once. Called after each chunk."""
        if row.error != self._told and row.state == State.RUNNING:
            self._told = row.error
            if row.error:
                tell(self.stderr, row.error)

    def how_to_continue(self, row: BulkOperation) -> str:
        return f"To continue: {self.operations.command(row)} --resume"

    def _bar(self, row: BulkOperation, options: dict[str, Any]) -> Any:
        quiet = None if options.get("verbosity", 1) else True
        unit = self.operations.verb(row).noun
        return tqdm(
            total=row.planned, initial=row.done + row.skipped, unit=unit, unit_scale=True, disable=quiet
        )

    @contextmanager
    def _continued(self, row: BulkOperation) -> Iterator[None]:
        """An error of the database says what becomes of the operation."""
        try:
            yield
        except (DatabaseError, InterfaceError):
            tell(self.stderr, f"Operation {row.pk} is not lost. {self.how_to_continue(row)}")
            raise

    def _interrupted(self, using: str, row: BulkOperation, who: str) -> str:
        answer = self._answer()
        if answer == "r":
            see = f"See {self.operations.command(row)}"
            return f"Other processes continue operation {row.pk}: {counts(row)}. {see}"
        change = self.operations.cancel if answer == "c" else self.operations.pause
        change(using, row.pk, who)
        row = self.operations.rows(using).get(pk=row.pk)
        how = "" if row.state == State.CANCELLED else f" {self.how_to_continue(row)}"
        return f"Operation {row.pk} is {row.state}: {counts(row)}.{how}"

    @staticmethod
    def _answer() -> str:
        """What the person chooses; without a terminal, to pause."""
        if at_a_terminal():
            with suppress(EOFError, KeyboardInterrupt):
                return input(ASK).strip().lower()[:1]
        return "p"

    def _ended(self, row: BulkOperation) -> str:
        why = row.error if row.state == State.FAILED else f"by {row.changed_by}"
        how = "" if row.state == State.CANCELLED else f" {self.how_to_continue(row)}"
        return line(f"Operation {row.pk} is {row.state}: {why} So far: {counts(row)}.{how}", 2_000)

    def _name(self) -> str:
        return f"command {socket.gethostname()}:{os.getpid()}"
