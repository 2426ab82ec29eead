"""Batches: handlers of one transaction collect rows, which are written together at its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

from inbox.errors import NotHandling


class Batch(ABC):
    """Rows that the handlers of one transaction collect. They are written together just before it commits.

    A statement for each event costs a round trip each; a batch costs one for hundreds of events. Handlers
    still get one event at a time, in order. When the transaction fails, its events are tried one by one, each
    with a batch of its own::

        class Purchases(inbox.Batch):
            def __init__(self) -> None:
                self.orders: list[OrderPaid] = []

            def write(self) -> None:
                Purchase.objects.bulk_create(...)

        @inbox.handler("shop.order.paid")
        def order_paid(order: OrderPaid) -> None:
            Purchases.current().orders.append(order)
    """

    @classmethod
    def current(cls) -> Self:
        """The batch of this class that belongs to the current transaction.

        Raises:
            NotHandling: no handler is running.
        """
        batches = _batches.get()
        if batches is None:
            raise NotHandling(f"{cls.__name__}.current() is for handlers, and none is running")
        batch = batches.get(cls)
        if batch is None:
            batch = batches[cls] = cls()
        assert isinstance(batch, cls)
        return batch

    @abstractmethod
    def write(self) -> None:
        """Write the collected rows, in the transaction of the events."""


_batches: ContextVar[dict[type[Batch], Batch] | None] = ContextVar("inbox_batches", default=None)


def is_handling() -> bool:
    """Whether handlers are running in a transaction here."""
    return _batches.get() is not None


@contextmanager
def gathering() -> Iterator[None]:
    """Give handlers their batches, and write these at the end unless there is an error."""
    batches: dict[type[Batch], Batch] = {}
    token = _batches.set(batches)
    try:
        yield
        for batch in batches.values():
            batch.write()
    finally:
        _batches.reset(token)
