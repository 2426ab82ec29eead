"""Writes the heartbeat of a consumer process, for the status and the admin."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from django.db import connections
from django.db.models import Case, F, When
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from inbox.database import UNAVAILABLE, reconnect, require_all_rows, tables
from inbox.handling.retriable import is_retriable
from inbox.models import Instance
from inbox.source import Source
from inbox.sql import statement
from inbox.status.outages import Outages
from outbox_core.people.failure import without_rows
from outbox_core.people.text import line

FORGET_AFTER = timedelta(days=1)
DATABASE = "PostgreSQL"


class Heartbeat:
    """Writes the state of a consumer process, from its own loop: a process that hangs writes nothing, unless
    it is known what it waits for: see ``blocked``.
    ``handled``: how many events it has handled, ``in_hand``: how many it has read and not finished,
    ``workers``: how many processes handle them, 0 if it does that itself.
    ``carry_operations`` is called when an operation is running, ``seeks`` with those that move this consumer.
    """

    def __init__(
        self,
        consumer: str,
        source: Source,
        outages: Outages,
        handled: Callable[[], int],
        *,
        database: str = "default",
        in_hand: Callable[[], int] = lambda: 0,
        workers: int = 0,
        carry_operations: Callable[[], None] = lambda: None,
        seeks: Callable[[Sequence[Mapping[str, Any]]], None] = lambda requests: None,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._source = source
        self._outages = outages
        self._handled = handled
        self._in_hand = in_hand
        self._workers = workers
        self._carry_operations = carry_operations
        self._seeks = seeks
        self._database = database
        self._every = every
        self._clock = clock
        self._next_at = self.called_at = clock()
        self._handled_before = 0
        self._member = ""
        self._id = uuid.uuid4()
        self.paused: frozenset[str] = frozenset()
        """The topics that must not be handled, as of the last heartbeat; an empty name means all."""

    def beat(self) -> None:
        """Write the heartbeat if it is due, or if the group has given this process another id. An unavailable
        database is an outage, not an error. Raises RowsHidden.
        """
        self.called_at = self._clock()
        if self.called_at < self._next_at and self._source.member() == self._member:
            return
        self._next_at = self._clock() + self._every
        try:
            self._write()
        except UNAVAILABLE as error:
            if not is_retriable(error):
                raise
            self._outages.begin(DATABASE, error)
            reconnect(self._database, error)
        else:
            self._outages.end(DATABASE)

    def blocked(self, reason: str) -> None:
        """Write what a statement of the loop waits for; empty: it does not wait any more. For another thread,
        with a connection of its own. The next heartbeat of the loop takes it back.
        """
        state = Instance.State.WAITING if reason else Instance.State.RUNNING
        Instance.objects.using(self._database).filter(id=self._id).update(
            state=state,
            state_since=Case(When(state=state, then=F("state_since")), default=Now()),
            detail=line(without_rows(f"{DATABASE}: {reason}")) if reason else "",
            heartbeat_at=Now(),
        )

    def stop(self) -> None:
        """Delete the row, and rows without a heartbeat for a day."""
        rows = Instance.objects.using(self._database)
        try:
            rows.filter(id=self._id).delete()
            rows.filter(heartbeat_at__lt=Now() - FORGET_AFTER).delete()
        except UNAVAILABLE as error:
            if not is_retriable(error):
                raise
            reconnect(self._database, error)

    def _write(self) -> None:
        waits_for = (self._outages.detail, self._source.waits_for())
        handled = self._handled()
        self._member = self._source.member()
        detail = line(without_rows("; ".join(filter(None, waits_for))))
        progress = handled > self._handled_before
        self._handled_before = max(handled, self._handled_before)
        partitions = sorted(self._source.partitions())
        values = {
            "state": Instance.State.WAITING if detail else Instance.State.RUNNING,
            "detail": detail,
            "member": self._member,
            "partitions": len(partitions),
            "reads": [f"{topic}/{number}" for topic, number in partitions],
            "in_hand": self._in_hand(),
            "handled": handled,
        }
        self.paused = self._update(values, progress=progress)

    def _update(self, values: dict[str, Any], *, progress: bool) -> frozenset[str]:
        """Write the row. The same statement reads what is paused, and which operations are running."""
        parameters = {
            **values,
            "state": str(values["state"]),
            "reads": Jsonb(values["reads"]),
            "progress": progress,
            "id": self._id,
            "tables": tables(),
        }
        for _ in range(2):
            with connections[self._database].cursor() as cursor:
                cursor.execute(statement("heartbeat"), parameters)
                row = cursor.fetchone()
            if row is not None:
                topics, operations, seeks, hides = row
                if hides:
                    require_all_rows(self._database)
                if operations:
                    self._carry_operations()
                self._seeks(msgspec.json.decode(seeks))
                return frozenset(topics)
            Instance.objects.using(self._database).create(
                id=self._id,
                consumer=self._consumer,
                host=socket.gethostname(),
                pid=os.getpid(),
                workers=self._workers,
                **values,
            )
        return self.paused
