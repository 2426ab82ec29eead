"""What the shop tells the world: one class a kind of event, its fields the contract with those who listen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import outbox

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from shop.models import Order


@outbox.event("shop.customer.registered", topic="shop.customers", key="customer_id", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered:
    customer_id: int
    username: str
    email: str
    name: str
    registered_at: datetime

    @classmethod
    def of(cls, user: User) -> CustomerRegistered:
        return cls(
            customer_id=user.pk,
            username=user.username,
            email=user.email,
            name=user.get_full_name(),
            registered_at=user.date_joined,
        )


@outbox.event("shop.customer.changed", topic="shop.customers", key="customer_id", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerChanged:
    customer_id: int
    email: str
    name: str

    @classmethod
    def of(cls, user: User) -> CustomerChanged:
        return cls(customer_id=user.pk, email=user.email, name=user.get_full_name())


@outbox.event("shop.customer.deleted", topic="shop.customers", key="customer_id", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDeleted:
    customer_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    product_id: int
    name: str
    quantity: int
    price: Decimal


@outbox.event("shop.order.placed", topic="shop.orders", key="order_id", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    order_id: UUID
    customer_id: int
    total: Decimal
    lines: tuple[Line, ...]
    placed_at: datetime

    @classmethod
    def of(cls, order: Order) -> OrderPlaced:
        return cls(
            order_id=order.pk,
            customer_id=order.customer_id,
            total=order.total,
            lines=tuple(
                Line(product_id=line.product_id, name=line.name, quantity=line.quantity, price=line.price)
                for line in order.items
            ),
            placed_at=order.placed_at,
        )


@outbox.event("shop.order.paid", topic="shop.orders", key="order_id", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid:
    order_id: UUID
    customer_id: int
    total: Decimal
    placed_at: datetime
    paid_at: datetime

    @classmethod
    def of(cls, order: Order) -> OrderPaid:
        assert order.paid_at is not None
        return cls(
            order_id=order.pk,
            customer_id=order.customer_id,
            total=order.total,
            placed_at=order.placed_at,
            paid_at=order.paid_at,
        )


@outbox.event("shop.order.cancelled", topic="shop.orders", key="order_id", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    order_id: UUID
    customer_id: int
    total: Decimal
    was_paid: bool
    reason: str
    cancelled_at: datetime

    @classmethod
    def of(cls, order: Order) -> OrderCancelled:
        assert order.cancelled_at is not None
        return cls(
            order_id=order.pk,
            customer_id=order.customer_id,
            total=order.total,
            was_paid=order.paid_at is not None,
            reason=order.reason,
            cancelled_at=order.cancelled_at,
        )


# Nothing locks a product while its tags change: serialize, so that its events are in order of commit.
@outbox.event("shop.product.tagged", topic="shop.products", key="product_id", version=1, serialize=True)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProductTagged:
    product_id: int
    tags: tuple[str, ...]


@outbox.event("shop.product.untagged", topic="shop.products", key="product_id", version=1, serialize=True)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProductUntagged:
    product_id: int
    tags: tuple[str, ...]


@outbox.event("shop.deployment.migrated", topic="shop.deployments", key=lambda event: "shop", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentMigrated:
    migrations: tuple[str, ...]
    version: str
