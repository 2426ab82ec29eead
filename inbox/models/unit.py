"""The unit of work: proof that only the inbox commits its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connections, models

from inbox.handling.routing import Identity
from inbox.models.ledger import Ledger
from inbox.sql import statement


class UnitManager(models.Manager["Unit"]):
    def begin(
        self,
        unit: int,
        consumer: str,
        moves: Sequence[dict[str, Any]],
        identities: Sequence[Identity],
        idle_seconds: float,
    ) -> tuple[int, set[Identity]]:
        """Begin a unit in the current transaction: until it ends, that transaction cannot be committed.

        Stores the offsets, then records the events as handled; returns how many partitions were moved, and
        the events that nobody had handled before.
        """
        parameters: dict[str, str | int] = {
            "unit": unit,
            "consumer": consumer,
            "moves": msgspec.json.encode(moves).decode(),
            "events": msgspec.json.encode(identities).decode(),
            "idle": str(int(idle_seconds * 1000)),
        }
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("begin"), parameters)
            rows = cursor.fetchall()
        claimed = {Identity(source, event_id) for _, _, source, event_id in rows if source is not None}
        return rows[0][0], claimed

    def end(self, unit: int) -> bool:
        """End it. False if the current transaction is not the one in which it began."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("end"), {"unit": unit})
            return bool(cursor.rowcount)


class Unit(models.Model):
    """A transaction under way. Its foreign key is checked at the COMMIT and cannot be met: the row has to be
    deleted before. Nobody ever sees one. The table is UNLOGGED.

    It refers to a table of which nothing is deleted: where rows of the table that is referred to are deleted,
    PostgreSQL looks for those that refer to them, at each COMMIT and without an index.
    """

    id = models.BigIntegerField(primary_key=True)
    ended_by = models.ForeignKey(Ledger, on_delete=models.DO_NOTHING, db_index=False, related_name="+")

    objects = UnitManager()

    class Meta:
        db_table = "inbox_unit"

    def __str__(self) -> str:
        return str(self.pk)
