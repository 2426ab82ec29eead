"""The three consumers within this process: their handlers and tables, records in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from inbox.testing import MemoryConsumer


class Shop:
    """What the shop would say of customers and orders, as records for one consumer."""

    def __init__(self, consumer: MemoryConsumer) -> None:
        self.consumer = consumer

    def registered(self, customer: int, email: str | None = None, **options: str) -> None:
        data = {
            "customer_id": customer,
            "username": f"user{customer}",
            "email": f"user{customer}@example.org" if email is None else email,
            "name": f"User {customer}",
            "registered_at": "1997-01-01T00:00:00Z",
        }
        self._customer("registered", customer, data, **options)

    def changed(self, customer: int, **fields: str) -> None:
        self._customer("changed", customer, {"customer_id": customer, "email": "e", "name": "n", **fields})

    def deleted(self, customer: int) -> None:
        self._customer("deleted", customer, {"customer_id": customer})

    def placed(self, order: int, customer: int, total: str = "10.00", day: str = "1997-02-01") -> None:
        self._order("placed", order, customer, total, placed_at=f"{day}T12:00:00Z", lines=[])

    def paid(self, order: int, customer: int, total: str = "10.00", day: str = "1997-02-01") -> None:
        placed_at = f"{day}T12:00:00Z"
        self._order("paid", order, customer, total, placed_at=placed_at, paid_at="1997-12-31T00:00:00Z")

    def cancelled(
        self, order: int, customer: int, total: str = "10.00", *, paid: bool = True, day: str = "1997-03-01"
    ) -> None:
        cancelled_at = f"{day}T00:00:00Z"
        self._order("cancelled", order, customer, total, was_paid=paid, reason="", cancelled_at=cancelled_at)

    def _customer(self, what: str, customer: int, data: dict[str, Any], **options: str) -> None:
        topic = "shop.customers"
        self.consumer.send(f"shop.customer.{what}", data, key=str(customer), topic=topic, **options)

    def _order(self, what: str, order: int, customer: int, total: str, **fields: Any) -> None:
        data = {"order_id": str(UUID(int=order)), "customer_id": customer, "total": total, **fields}
        self.consumer.send(f"shop.order.{what}", data, key=data["order_id"], topic="shop.orders")


@pytest.fixture
def shop(db: None) -> Callable[[str], Shop]:
    """Makes shops that speak to the consumer of that name, which behaves as in production."""
    return lambda name: Shop(MemoryConsumer(name, raises=False))
