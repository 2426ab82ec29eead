"""PostgreSQL types that Django has no field for."""

from __future__ import annotations

from django.db import models
from django.db.models import Func


class Xid8Field(models.Field):  # type: ignore[type-arg]
    """A 64-bit transaction id, ``xid8``, which never wraps around (PostgreSQL docs, 8.19 and 9.27.9)."""

    description = "transaction id"

    def db_type(self, connection: object) -> str:
        return "xid8"

    def get_prep_value(self, value: object) -> object:
        """As text: PostgreSQL converts no number to it."""
        prepared = super().get_prep_value(value)
        return str(prepared) if isinstance(prepared, int) else prepared

    def from_db_value(self, value: object, expression: object, connection: object) -> int | None:
        return None if value is None else int(str(value))


class SnapshotField(models.Field):  # type: ignore[type-arg]
    """A ``pg_snapshot``: which transactions were complete at one moment, in its text form
    ``xmin:xmax:xip,…``.
    """

    description = "snapshot"

    def db_type(self, connection: object) -> str:
        return "pg_snapshot"

    def from_db_value(self, value: object, expression: object, connection: object) -> str | None:
        return None if value is None else str(value)


class CurrentXactId(Func):
    """``pg_current_xact_id()``: the id of the top-level transaction, also inside a savepoint."""

    function = "pg_current_xact_id"
    output_field = Xid8Field()


class ClockTimestamp(Func):
    """``clock_timestamp()``: the time now, not the time at which the transaction began."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


MAX_KEY_BYTES = 1024
"""Of a key. The unique index of holds has it and the topic, and takes 2,704 bytes."""


class IsSound(Func):
    """Whether a relay can publish a row, in its order. The function raises the error: it names the rule."""

    function = "outbox_event_is_sound"
    output_field = models.BooleanField()
