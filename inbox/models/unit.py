"""The unit of work: proof that a transaction is committed by the inbox, and by nobody else."""

from __future__ import annotations

from django.db import connections, models

from inbox.sql import statement


class UnitManager(models.Manager["Unit"]):
    def begin(self, unit: int, idle_seconds: float) -> None:
        """Begin a unit in the current transaction: until it ends, that transaction cannot be committed."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("begin"), {"unit": unit, "idle": str(int(idle_seconds * 1000))})

    def end(self, unit: int) -> bool:
        """End it. False if the current transaction is not the one in which it began."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("end"), {"unit": unit})
            return bool(cursor.rowcount)


class Unit(models.Model):
    """A transaction under way. Its foreign key is checked at the COMMIT and cannot be met: the row has to be
    deleted before. Nobody ever sees one. The table is UNLOGGED.
    """

    id = models.BigIntegerField(primary_key=True)
    ended_by = models.ForeignKey("self", on_delete=models.DO_NOTHING, db_index=False)

    objects = UnitManager()

    class Meta:
        db_table = "inbox_unit"

    def __str__(self) -> str:
        return str(self.pk)
