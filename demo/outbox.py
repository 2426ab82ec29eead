"""Reads the shop's database while the demo runs."""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Self

import psycopg

PENDING = """
SELECT count(*)
FROM outbox_position
JOIN outbox_event AS event ON bucket BETWEEN first_bucket AND last_bucket
WHERE lo IS NULL
   OR (xid >= pg_snapshot_xmin(lo) AND NOT pg_visible_in_snapshot(xid, lo)
       AND (hi IS NULL OR event.id > pos OR NOT pg_visible_in_snapshot(xid, hi)))
"""
OWNER = """
SELECT relay.pid, shard.epoch
FROM outbox_shard AS shard LEFT JOIN outbox_relay AS relay ON relay.id = shard.owner
"""


class Owner(NamedTuple):
    """The relay that has the lease on the shard. ``epoch`` is larger for each one that takes it over."""

    pid: int | None
    epoch: int


NOBODY = Owner(None, 0)


class Outbox:
    """Questions to the shop's database, on a separate connection."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def purchases(self) -> int:
        """How many orders are paid and committed."""
        return self._number("SELECT count(*) FROM shop_order WHERE paid_at IS NOT NULL")

    def pending(self) -> int:
        """How many committed events are not yet behind the relay's position."""
        return self._number(PENDING)

    def published_in(self, epoch: int) -> bool:
        """Whether the owner of that epoch has published anything."""
        return (
            self._number("SELECT count(*) FROM outbox_checkpoint WHERE epoch = %s AND events > 0", epoch) > 0
        )

    def is_attended(self, *, by: int) -> bool:
        """Whether so many relays run and one of them owns the shard."""
        return self._number("SELECT count(*) FROM outbox_relay") >= by and self.owner().pid is not None

    def owner(self) -> Owner:
        row = self._connection.execute(OWNER).fetchone()
        assert row is not None
        return Owner(*row)

    def _number(self, question: str, *parameters: object) -> int:
        row = self._connection.execute(question, parameters).fetchone()
        assert row is not None
        return int(row[0])
