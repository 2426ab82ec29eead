"""The read side of an outbox: events come from Kafka, and each takes effect once.

@inbox.handler("shop.order.placed")                      # in handlers.py of an installed app
def order_placed(order: OrderPlaced, event: inbox.Event) -> None: ...

manage.py run_consumer NAME
"""

from __future__ import annotations

from inbox.errors import HandlerError, InboxError, InvalidPayload, Poison, RetryLater
from inbox.handling.batch import Batch
from inbox.handling.registry import handler
from outbox_core.errors import InvalidEvent
from outbox_core.wire.event import Event, current_event

__all__ = [
    "Batch",
    "Event",
    "HandlerError",
    "InboxError",
    "InvalidEvent",
    "InvalidPayload",
    "Poison",
    "RetryLater",
    "current_event",
    "handler",
]
