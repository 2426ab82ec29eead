"""The events of one transaction that a batch handler gets in one call."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from inbox.handling import running
from inbox.handling.running import Call

if TYPE_CHECKING:
    from inbox.handling.registry import Handler
    from inbox.handling.routing import Delivery
    from outbox_core.wire.event import Event


class BatchCall:
    """Events for ``handler``, in the order of each key."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.events: list[Event] = []
        self._index: int | None = None
        self._arguments: list[tuple[Any, ...]] = []
        self._keys: set[tuple[str, bytes]] = set()

    def add(self, index: int, delivery: Delivery, arguments: tuple[Any, ...]) -> None:
        """``index``: the place of the delivery among those in hand."""
        assert delivery.event is not None
        self._index = None if self.events else index
        self.events.append(delivery.event)
        self._arguments.append(arguments)
        if delivery.record.key is not None:
            self._keys.add((delivery.record.topic, delivery.record.key))

    @property
    def index(self) -> int | None:
        """The index of its delivery; None if there are several, because any of them may be at fault."""
        return self._index

    def has_key_of(self, delivery: Delivery) -> bool:
        """Whether one of the events has the key of this one."""
        return (delivery.record.topic, delivery.record.key) in self._keys

    @property
    def handlers(self) -> Sequence[Handler]:
        """The handlers, as ``Delivery.handlers``."""
        return (self.handler,)

    def run(self, index: int | None) -> None:
        """Call the handler with all of them. Raises HandlerFailed, with ``index``."""
        call = Call(self.handler, self.events[0], monotonic(), len(self.events) - 1)
        running.run(call, index, self.handler.handle_many, self.events, self._arguments)
