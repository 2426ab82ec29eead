"""The rows of a backfill: which they are, in the order of their primary keys, and their locks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.models import Model, Q, QuerySet
from psycopg.errors import UndefinedTable

from outbox.errors import OutboxError
from outbox_core.operations.bulk.step import COUNT_UP_TO
from outbox_core.people.text import line
from outbox_core.process.exit_codes import ExitCode

TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a model that match all filters, each ``field=value``. No manager of the model hides any."""

    model: type[Model]
    using: str
    filters: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.model._meta.label

    def matching(self) -> QuerySet[Any]:
        """In the order of the primary key. Raises CommandError for a filter that cannot be used."""
        return self._all().filter(*map(self._condition, self.filters))

    def between(self, after: Any, until: Any) -> QuerySet[Any]:
        """The matching rows behind the key ``after`` (None: from the first one), up to ``until``."""
        rows = self.matching().filter(pk__lte=until)
        return rows if after is None else rows.filter(pk__gt=after)

    def last(self) -> Any:
        """The last primary key; None without a row. Raises OutboxError if the database lacks the table."""
        try:
            return self.matching().order_by("-pk").values_list("pk", flat=True).first()
        except DatabaseError as error:
            if not isinstance(error.__cause__, UndefinedTable):
                raise
            raise OutboxError(
                f"Database {self.using!r} has no table of {self.label}. Name the database of its rows: "
                "--database ALIAS."
            ) from error

    def count(self, after: Any, until: Any) -> int:
        """How many there are. Above a million it is PostgreSQL's estimate."""
        rows = self.between(after, until)
        counted = rows.order_by()[: COUNT_UP_TO + 1].count()
        if counted <= COUNT_UP_TO:
            return counted
        (plan,) = json.loads(rows.order_by().explain(format="json"))
        return max(counted, int(plan["Plan"]["Plan Rows"]))

    def page(self, after: Any, until: Any, size: int) -> list[Any]:
        """The next primary keys. A filter through a relation may name one several times."""
        return list(dict.fromkeys(self.between(after, until).values_list("pk", flat=True)[:size]))

    def lock(self, pks: Sequence[Any], *, wait: bool) -> dict[Any, Model]:
        """These rows as they are now, locked as an UPDATE locks them; only those that still match.

        A multi-table child is locked with its parents. Rows that another transaction holds are left out, or
        waited for.
        """
        rows = self._all().filter(pk__in=pks).select_for_update(no_key=True, skip_locked=not wait)
        locked = {row.pk: row for row in rows}
        if not self.filters:
            return locked
        kept = set(self.matching().filter(pk__in=list(locked)).values_list("pk", flat=True))
        return {pk: row for pk, row in locked.items() if pk in kept}

    def _all(self) -> QuerySet[Any]:
        return QuerySet(self.model, using=self.using).order_by("pk")

    def _condition(self, text: str) -> Q:
        try:
            condition = _condition(text)
            self._all().filter(condition)
        except (FieldError, ValidationError, ValueError, TypeError) as error:
            why = " ".join(error.messages) if isinstance(error, ValidationError) else error
            said = line(f"--filter {text} of {self.label}: {why}", 2_000)
            raise CommandError(said, returncode=ExitCode.USAGE) from error
        return condition


def key_text(pk: Any) -> list[str]:
    """A primary key for the ledger, one text for each of its columns."""
    return [str(part) for part in (pk if isinstance(pk, tuple) else (pk,))]


def key_of(model: type[Model], texts: Sequence[str]) -> Any:
    """The primary key that ``key_text`` wrote."""
    parts = tuple(field.to_python(text) for field, text in zip(model._meta.pk_fields, texts, strict=True))
    return parts if len(parts) > 1 else parts[0]


def shown(pk: Any) -> str:
    """A primary key for people, on one line."""
    return line(", ".join(key_text(pk)), 200)


def _condition(text: str) -> Q:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("give it as field=value")
    return Q((name.strip(), _value(name.strip(), value)))


def _value(name: str, value: str) -> Any:
    """Django converts text to the type of the field; some lookups need a list or a truth."""
    lookup = name.rpartition("__")[2]
    if lookup == "isnull":
        if value.lower() not in TRUTH:
            raise ValueError("isnull is true or false")
        return TRUTH[value.lower()]
    return list(_parts(value)) if lookup in ("in", "range") else value


def _parts(value: str) -> Iterator[str]:
    return (part.strip() for part in value.split(","))
