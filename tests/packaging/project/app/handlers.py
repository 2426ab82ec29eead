"""A handler of a user's project."""

from dataclasses import dataclass
from decimal import Decimal

import inbox


@dataclass
class OrderPlaced:
    order_id: int
    total: Decimal


@inbox.handler("app.order.placed")
def order_placed(order: OrderPlaced, event: inbox.Event) -> None:
    if order.total < 0:
        raise inbox.Poison(f"{event.id}: a total below zero")
