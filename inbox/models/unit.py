"""The table that prevents a handler from committing the transaction of a unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import connections, models

from inbox.database import READ_COMMITTED, require_all_rows
from inbox.errors import WrongIsolation
from inbox.handling.routing import Identity
from inbox.models.ledger import Ledger
from inbox.sql import statement


class Begun(NamedTuple):
    """``moved``: how many offsets were stored. ``claimed``: the events that were not recorded before; None if
    this is true of all, and each is there once. ``any_held``: whether the consumer held events before.
    """

    moved: int
    claimed: set[Identity] | None
    any_held: bool


class UnitManager(models.Manager["Unit"]):
    def begin(
        self,
        unit: int,
        consumer: str,
        moves: Sequence[dict[str, Any]],
        identities: Sequence[Identity],
        idle_seconds: float,
    ) -> Begun:
        """Begin a unit in the current transaction. Until it ends, that transaction cannot be committed.

        It stores the offsets, then records the events as handled. Raises DatabaseUnfit.
        """
        parameters: dict[str, str | int] = {
            "events_count": len(identities),
            "unit": unit,
            "consumer": consumer,
            "moves": msgspec.json.encode(moves).decode(),
            "events": msgspec.json.encode(identities).decode(),
            "idle": str(int(idle_seconds * 1000)),
        }
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("begin"), parameters)
            rows = cursor.fetchall()
        moved, isolation, hides, count, any_held = rows[0][:5]
        if isolation != READ_COMMITTED:
            raise WrongIsolation(self.db, isolation)
        if hides:
            require_all_rows(self.db)
        if count == len(identities):
            return Begun(moved, None, any_held)
        return Begun(moved, {Identity(*row[5:]) for row in rows if row[5] is not None}, any_held)

    def end(self, unit: int) -> bool:
        """End it. False if the current transaction is not the one in which it began."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("end"), {"unit": unit})
            return bool(cursor.rowcount)


class Unit(models.Model):
    """A running transaction. Its foreign key refers to a row that does not exist. PostgreSQL checks it at the
    COMMIT, so the COMMIT fails unless the row was deleted before. No row is ever visible to other sessions.
    The table is UNLOGGED.

    The key refers to the ledger because little is deleted from it: for each deleted row PostgreSQL searches
    this table at the COMMIT, without an index.
    """

    id = models.BigIntegerField(primary_key=True)
    ended_by = models.ForeignKey(Ledger, on_delete=models.DO_NOTHING, db_index=False, related_name="+")

    objects = UnitManager()

    class Meta:
        db_table = "inbox_unit"

    def __str__(self) -> str:
        return str(self.pk)
