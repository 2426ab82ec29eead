"""The fields of the shop's events that the CRM needs, as it reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CustomerRegistered:
    customer_id: int
    username: str
    email: str
    name: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class CustomerChanged:
    customer_id: int
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class CustomerDeleted:
    customer_id: int


@dataclass(frozen=True, slots=True)
class OrderPaid:
    order_id: UUID
    customer_id: int
    total: Decimal
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    order_id: UUID
    customer_id: int
    was_paid: bool
