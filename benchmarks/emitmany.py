"""What many events of one call take, in turns: by COPY, by INSERT, and as a bare COPY of the same data."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import UUID

from django.db import connection, transaction

import outbox
from outbox.log import tables
from outbox.write import writing
from outbox.write.copy_format import in_pieces
from outbox.write.row import NewRow
from outbox.write.statements import COPY_EVENTS

SIZES = (10, 20, 50, 100, 1_000)
SECONDS = 5.0
"""Of each size."""


@outbox.event("bench.counted", topic="bench.counted", key="order_id")
class Counted(outbox.Event):
    order_id: UUID
    customer: int
    total: Decimal
    text: str


class Took(NamedTuple):
    wall: float
    cpu: float


def run() -> Iterator[str]:
    for size in SIZES:
        yield _compare([_event(number) for number in range(size)])


def _event(number: int) -> Counted:
    return Counted(order_id=UUID(int=number), customer=number, total=Decimal("9.99"), text="x" * 180)


def _compare(events: list[Counted]) -> str:
    copied, inserted, bare, rows = list[Took](), list[Took](), list[Took](), list[Took]()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until or len(bare) < 3:
        with patch.object(writing, "MANY", 1):
            copied.append(_timed(lambda: outbox.emit_many(events)))
        with patch.object(writing, "MANY", len(events) + 1):
            inserted.append(_timed(lambda: outbox.emit_many(events)))
        data = b"".join(in_pieces([NewRow.of(event) for event in events]))
        bare.append(_timed(partial(_bare_copy, data)))
        rows.append(_timed(lambda: [NewRow.of(event) for event in events]))
    return (
        f"{len(events):,} events: COPY {_median(copied)}, INSERT {_median(inserted)}, "
        f"bare COPY of ready data {_median(bare)}; in both, making the rows {_median(rows)}"
    )


def _timed(work: Callable[[], object]) -> Took:
    with transaction.atomic():
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        took = Took(time.perf_counter() - wall, time.process_time() - cpu)
        transaction.set_rollback(True)
    return took


def _bare_copy(data: bytes) -> None:
    raw: Any = connection.connection
    with raw.cursor() as cursor, cursor.copy(tables.qualified(COPY_EVENTS)) as copying:
        copying.write(data)


def _median(took: list[Took]) -> str:
    wall, cpu = (statistics.median(each) * 1_000 for each in zip(*took, strict=True))
    return f"{wall:.2f} ms ({cpu:.2f} of CPU)"
