"""The read side of an outbox: events from Kafka, each of which takes effect once.

@inbox.handler("shop.order.placed")                      # in handlers.py of an installed app
def order_placed(order: OrderPlaced, event: inbox.Event) -> None: ...

manage.py run_consumer NAME
"""

from __future__ import annotations

from inbox.batch import Batch
from inbox.envelope import Event, current_event
from inbox.errors import HandlerError, InboxError, InvalidEvent, InvalidPayload, Poison, RetryLater
from inbox.registry import handler

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
