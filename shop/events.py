"""The events of the shop, one class for each type. Their fields are the contract with other services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import outbox

Money = Annotated[Decimal, outbox.Places(2)]

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from shop.models import Order


class CustomerRegistered(
    outbox.Event, type="shop.customer.registered", topic="shop.customers", key="customer_id"
):
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


class CustomerChanged(outbox.Event, type="shop.customer.changed", topic="shop.customers", key="customer_id"):
    customer_id: int
    email: str
    name: str

    @classmethod
    def of(cls, user: User) -> CustomerChanged:
        return cls(customer_id=user.pk, email=user.email, name=user.get_full_name())


class CustomerDeleted(outbox.Event, type="shop.customer.deleted", topic="shop.customers", key="customer_id"):
    customer_id: int


@dataclass(frozen=True, slots=True)
class Line:
    product_id: int
    name: str
    quantity: int
    price: Money


class OrderPlaced(outbox.Event, type="shop.order.placed", topic="shop.orders", key="order_id"):
    order_id: UUID
    customer_id: int
    total: Money
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


class OrderPaid(outbox.Event, type="shop.order.paid", topic="shop.orders", key="order_id"):
    order_id: UUID
    customer_id: int
    total: Money
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


class OrderCancelled(outbox.Event, type="shop.order.cancelled", topic="shop.orders", key="order_id"):
    order_id: UUID
    customer_id: int
    total: Money
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
class ProductTagged(
    outbox.Event, type="shop.product.tagged", topic="shop.products", key="product_id", serialize=True
):
    product_id: int
    tags: tuple[str, ...]


class ProductUntagged(
    outbox.Event, type="shop.product.untagged", topic="shop.products", key="product_id", serialize=True
):
    product_id: int
    tags: tuple[str, ...]


class DeploymentMigrated(
    outbox.Event, type="shop.deployment.migrated", topic="shop.deployments", key=lambda event: "shop"
):
    migrations: tuple[str, ...]
    version: str
