"""What the CRM does with the events of the shop, a batch at a time."""

from __future__ import annotations

import inbox
from consumers.crm.ledger import Ledger
from consumers.crm.payloads import (
    CustomerChanged,
    CustomerDeleted,
    CustomerRegistered,
    OrderCancelled,
    OrderPaid,
)
from consumers.crm.register import Register


@inbox.handler("shop.customer.registered")
def customer_registered(customer: CustomerRegistered) -> None:
    Register.current().put(
        customer.customer_id,
        username=customer.username,
        email=customer.email,
        name=customer.name,
        registered_at=customer.registered_at,
    )


@inbox.handler("shop.customer.changed")
def customer_changed(customer: CustomerChanged) -> None:
    Register.current().put(customer.customer_id, email=customer.email, name=customer.name)


@inbox.handler("shop.customer.deleted")
def customer_deleted(customer: CustomerDeleted | None, event: inbox.Event) -> None:
    customer_id = int(event.key or "") if customer is None else customer.customer_id
    Register.current().put(customer_id, username="", email="", name="", deleted=True)


@inbox.handler("shop.order.paid")
def order_paid(order: OrderPaid) -> None:
    Ledger.current().pay(order)


@inbox.handler("shop.order.cancelled")
def order_cancelled(order: OrderCancelled) -> None:
    if order.was_paid:
        Ledger.current().cancel(order.order_id)
