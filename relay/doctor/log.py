"""The steps to the log, through a session as the relay opens it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from outbox.errors import LogUnsafe, PositionNotOfThisHistory
from outbox.log import proof, tables
from outbox.log.history import refuse_another_history
from outbox.log.privileges import RELAY
from outbox.status.failure import problem_of
from outbox_core.database import pinned
from outbox_core.operations.doctor import postgresql
from outbox_core.operations.doctor.kafka import SETTINGS
from outbox_core.operations.doctor.step import Finding, Note, Step, failed, warning
from outbox_core.operations.doctor.walk import briefly
from relay.errors import NotPrimary
from relay.log.session import Session

STATEMENT_SECONDS = 8.0


class LogSteps:
    """The steps of the log of database ``alias``. The first step opens the session that the others use."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._session: Session | None = None

    def all(self) -> Iterator[Step]:
        """From the connection to the position."""
        yield Step(name="database", look=self._database, needs=(SETTINGS,))
        migrations = partial(postgresql.migrations, self.alias, "outbox")
        yield Step(name="migrations", look=migrations, needs=("database",))
        yield Step(name="grants", look=self._grants, needs=("migrations",))
        yield Step(name="log", look=self._log, needs=("grants",))
        yield Step(name="sequence", look=self._sequence, needs=("grants",))
        yield Step(name="history", look=self._history, needs=("grants",))
        yield Step(name="clock", look=partial(postgresql.clock, self._rows), needs=("database",))

    def close(self) -> None:
        if self._session is not None:
            briefly(self._session.close)

    def _database(self) -> Iterator[Note]:
        if self.alias not in connections:
            yield failed(
                f"There is no database {self.alias!r} in DATABASES: {', '.join(connections)}.",
                "Name the database of the outbox: --database ALIAS.",
            )
            return
        if (vendor := connections[self.alias].vendor) != "postgresql":
            yield failed(f"Database {self.alias!r} is {vendor}.", "The outbox needs PostgreSQL.")
            return
        try:
            self._session = Session(self.alias, statement_seconds=STATEMENT_SECONDS)
        except NotPrimary as error:
            yield failed(str(error), f"Set HOST of DATABASES[{self.alias!r}] to the primary.")
        except (psycopg.Error, ImproperlyConfigured) as error:
            yield self._problem(error)
        else:
            yield from postgresql.server(self._rows)
            if self._session.pooled:
                yield "through a pooler in transaction mode: every statement sets its settings itself"

    def _grants(self) -> Iterator[Note]:
        found = self._facts()
        if found is None:
            remedy = tables.remedy(self.alias)
            yield failed("The tables of the outbox are not there.", f"{remedy[0].upper()}{remedy[1:]}.")
            return
        refused = [*map(_refused, proof.blind(found))]
        yield from refused
        if not refused:
            yield f"role {found.role} has every privilege of a relay in schema {found.schema}"

    def _log(self) -> Iterator[Note]:
        found = self._known()
        wrong = [*map(_refused, proof.damaged(found))]
        doubts = [warning(*each) for each in (*proof.doubts(found), *proof.server_doubts(found))]
        yield from (*wrong, *doubts)
        if not wrong and not doubts:
            yield "index, defaults and triggers are as the migrations made them"

    def _sequence(self) -> Iterator[Note]:
        found = self._known()
        wrong = [*map(_refused, proof.misnumbered(self._rows, found, strict=True))]
        yield from wrong
        if not wrong and found.sequence is not None:
            yield f"{found.sequence.name} has CACHE 1, counts up, and is ahead of its table"

    def _history(self) -> Iterator[Note]:
        try:
            with pinned(self.alias, {"statement_timeout": f"{STATEMENT_SECONDS:g}s"}, undo=True):
                refuse_another_history(self.alias)
        except PositionNotOfThisHistory as error:
            yield _refused(error)
        else:
            yield "this database stored every position itself"

    def _rows(self, query: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        assert self._session is not None
        return self._session.read(query, parameters)

    def _facts(self) -> proof.Facts | None:
        return proof.facts(self._rows, RELAY)

    def _known(self) -> proof.Facts:
        found = self._facts()
        assert found is not None, "the step before found the tables"
        return found

    def _problem(self, error: BaseException) -> Finding:
        problem = problem_of(self.alias, error, RELAY)
        return failed(problem.text, problem.remedy)


def _refused(error: LogUnsafe) -> Finding:
    return failed(error.text, error.remedy)
