"""Batches: what the events of one transaction collect is handled or written together at its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING, Any, Self

from inbox.errors import NotHandling
from inbox.handling.batch_call import BatchCall
from inbox.handling.running import run_function

if TYPE_CHECKING:
    from inbox.handling.registry import Handler
    from inbox.handling.routing import Delivery


class Batch(ABC):
    """Rows that several handlers of one transaction collect. They are written together just before it
    commits. For one handler, ``@inbox.handler(..., batch=True)`` is simpler.

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
        gathering = _gathering.get()
        if gathering is None:
            raise NotHandling(f"{cls.__name__}.current() is for handlers, and none is running")
        batches = gathering.batches
        batch = batches.get(cls)
        if batch is None:
            batch = batches[cls] = cls()
        assert isinstance(batch, cls)
        return batch

    @abstractmethod
    def write(self) -> None:
        """Write the collected rows, in the transaction of the events."""


class Gathering:
    """What the events of the running transaction have collected: rows, and lists for batch handlers.
    ``thread`` is the one whose connection has the transaction.
    """

    def __init__(self) -> None:
        self.thread = get_ident()
        self.batches: dict[type[Batch], Batch] = {}
        self._calls: dict[Handler, BatchCall] = {}

    @property
    def waits(self) -> bool:
        """Whether events wait for a batch handler."""
        return bool(self._calls)

    def add(self, handler: Handler, index: int, delivery: Delivery, arguments: tuple[Any, ...]) -> None:
        """Keep an event for a batch handler."""
        call = self._calls.get(handler)
        if call is None:
            call = self._calls[handler] = BatchCall(handler)
        call.add(index, delivery, arguments)

    def before(self, delivery: Delivery) -> list[BatchCall]:
        """What must be handled before this event: earlier events of its key that wait for another handler."""
        return [
            self._calls.pop(call.handler)
            for call in [*self._calls.values()]
            if [*delivery.handlers] != [call.handler] and call.has_key_of(delivery)
        ]

    def rest(self) -> list[BatchCall]:
        """All that is left, in the order in which it began."""
        rest = [*self._calls.values()]
        self._calls.clear()
        return rest

    def write(self) -> None:
        """Write the rows."""
        for batch in self.batches.values():
            run_function(batch.write)


_gathering: ContextVar[Gathering | None] = ContextVar("inbox_gathering", default=None)


def current_gathering() -> Gathering:
    """Of the running transaction."""
    gathering = _gathering.get()
    assert gathering is not None
    return gathering


def is_handling() -> bool:
    """Whether handlers are running in a transaction here."""
    return _gathering.get() is not None


def is_handled_in_another_thread() -> bool:
    """Whether that is a transaction of another thread, whose context this one has."""
    gathering = _gathering.get()
    return gathering is not None and gathering.thread != get_ident()


@contextmanager
def gathering() -> Iterator[Gathering]:
    """Give handlers their batches."""
    token = _gathering.set(mine := Gathering())
    try:
        yield mine
    finally:
        _gathering.reset(token)
