"""An event of a user's project."""

from dataclasses import dataclass
from decimal import Decimal

import outbox


@outbox.event("app.order.placed", topic="app.orders", key="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: int
    total: Decimal
