"""Moves the partitions of a running consumer, as people have requested."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from inbox.database import UNAVAILABLE
from inbox.errors import Abandoned, SourceUnavailable
from inbox.operations import seeking
from inbox.operations.bulk import operations
from inbox.source import Partition, Source
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.step import Step

Requests = Mapping[int, frozenset[Partition]]
"""The partitions that a running operation moves, by its id."""


class Seeks:
    """The heartbeat notes what is requested. The loop carries it out between two batches, for the partitions
    that this process reads then. ``start_over`` has them read from where the database says. After an error
    the next heartbeat notes the request again.
    """

    def __init__(
        self,
        consumer: str,
        source: Source,
        database: str,
        *,
        start_over: Callable[[Collection[Partition]], None],
        database_failed: Callable[[Exception], None],
        kafka_failed: Callable[[Exception], None],
    ) -> None:
        self._source = source
        self._database = database
        self._start_over = start_over
        self._database_failed = database_failed
        self._kafka_failed = kafka_failed
        self._name = f"consumer {consumer} {socket.gethostname()}:{os.getpid()}"
        self._requests: Requests = {}
        self.is_new = False
        """Whether a batch in hand should be left, because a heartbeat has found a request since the last."""

    def note(self, found: Sequence[Mapping[str, Any]]) -> None:
        """What a heartbeat has found."""
        requests = {
            each["id"]: frozenset((each["topic"], number) for number in each["left"]) for each in found
        }
        ours = {*self._source.partitions()}
        self._requests = {id: wanted for id, wanted in requests.items() if wanted & ours}
        self.is_new = bool(self._requests)

    def carry_out(self) -> None:
        """Move what this process reads. An operation on which another process is working is looked at again
        in the next round.
        """
        self.is_new = False
        if self._requests:
            requests, self._requests = self._requests, {}
            self._requests = {id: wanted for id, wanted in requests.items() if not self._move(id, wanted)}

    def _move(self, id: int, wanted: frozenset[Partition]) -> bool:
        """Returns False if another process is working on the operation."""
        done = True
        try:
            done = operations.carry_own(self._database, id, self._name, self._step)
        except Abandoned:
            pass  # who reads the partitions now does it
        except SourceUnavailable as error:
            self._kafka_failed(error)
        except UNAVAILABLE as error:
            self._database_failed(error)
        if done:  # also after an error: it may be unknown whether the transaction was committed
            self._start_over(wanted.intersection(self._source.partitions()))
        return done

    def _step(self, row: BulkOperation) -> Step:
        topic, ours = row.order.selection.topic, {*self._source.partitions()}
        to = {number: at for number, at in seeking.targets(row).items() if (topic, number) in ours}
        step = seeking.move(row, to, self._database)
        if to and not self._source.move({(str(topic), number): at for number, at in to.items()}):
            raise Abandoned("another process reads these partitions now")
        return step
