"""Which receivers a backfill calls, and the events that they return for a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.db.models import Model
from django.db.models.signals import post_save
from psycopg.errors import DeadlockDetected, LockNotAvailable

from outbox.capture.receivers import Receiver, receivers_of
from outbox.errors import RowFailed
from outbox.operations.backfill.rows import Rows, shown
from outbox.write.row import NewRow
from outbox_core.people.failure import describe
from outbox_core.people.text import line
from outbox_core.process.exit_codes import ExitCode

ALL = "all"


@dataclass(frozen=True, slots=True)
class Failure:
    """A row without an event, because a receiver raised an exception for it."""

    pk: Any
    receiver: str
    error: str

    def __str__(self) -> str:
        return f"Row {shown(self.pk)}: {self.receiver} raised {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls of receivers for each row, as for a post_save with ``backfill=True``."""

    rows: Rows
    receivers: Sequence[Receiver]
    created: bool = False

    @property
    def names(self) -> list[str]:
        return [each.path for each in self.receivers]

    def of(self, instance: Model) -> Iterator[NewRow]:
        """The events of a row. Raises RowFailed, which names the row and the receiver."""
        for receiver in self.receivers:
            try:
                yield from self._of(receiver, instance)
            except Exception as error:
                if is_busy(error):
                    raise
                failure = Failure(instance.pk, receiver.path, describe(error))
                raise RowFailed(failure) from error

    def or_failure(self, instance: Model) -> list[NewRow] | Failure:
        """The events of a row, or why it has none. What the receivers wrote for it is rolled back then."""
        try:
            with transaction.atomic(using=self.rows.using):
                return list(self.of(instance))
        except RowFailed as error:
            failure: Failure = error.args[0]
            return failure

    def _of(self, receiver: Receiver, instance: Model) -> list[NewRow]:
        return receiver.new_rows(
            signal=post_save,
            sender=self.rows.model,
            instance=instance,
            created=self.created,
            raw=False,
            using=self.rows.using,
            update_fields=None,
            backfill=True,
        )


def chosen(model: type[Model], names: Sequence[str]) -> list[Receiver]:
    """The receivers of post_save with these dotted paths; without any, those that take ``backfill``.

    Raises CommandError, exit code 2, for an unknown path and where there is none to call.
    """
    known = receivers_of(post_save, model)
    if ALL in names:
        found = known
    elif names:
        found = [each for each in known if each.path in names]
    else:
        found = [each for each in known if each.takes_backfill]
    unknown = sorted({*names} - {ALL} - {each.path for each in known})
    if unknown or not found:
        raise CommandError(line(_refusal(model, known, unknown), 2_000), returncode=ExitCode.USAGE)
    return found


def is_busy(error: BaseException) -> bool:
    """Whether another transaction holds a lock, so that the same work will succeed later."""
    return isinstance(error, DatabaseError) and isinstance(
        error.__cause__, LockNotAvailable | DeadlockDetected
    )


def _refusal(model: type[Model], known: Sequence[Receiver], unknown: Sequence[str]) -> str:
    label, there = model._meta.label, ", ".join(each.path for each in known)
    if not known:
        return f"No @outbox.receiver receives post_save of {label}, so its rows have no events."
    if unknown:
        return f"{unknown[0]} is no @outbox.receiver of post_save of {label}. There are: {there}."
    return (
        f"No receiver of {label} takes backfill, so none is called: it might not expect rows that exist "
        f"already. Add backfill=False to the signature of those that may be called, or name them with "
        f"--receiver: {there}."
    )
