"""A small world in which everything agrees, for tests to spoil."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from demo.reconcile import expected
from demo.reconcile.facts import (
    CANCELLED,
    PAID,
    PLACED,
    REGISTERED,
    Analytics,
    Crm,
    Customer,
    Event,
    Ledgers,
    Logged,
    Notifications,
    Order,
    Record,
    Shop,
    Totals,
)

NOON = datetime(1997, 1, 1, 12, tzinfo=UTC)
DECLINED = str(UUID(int=99))
KNOWN = Totals(2, 3, Decimal("35.00"))


def agreeing() -> Ledgers:
    """Two customers, four orders, one of them cancelled, one declined payment; everything arrived, once."""
    shop = Shop(customers=customers(), orders=orders(), declined=frozenset({DECLINED}), events=events())
    buyers = expected.buyers(shop)
    return Ledgers(
        shop=shop,
        records=[record(event, offset) for offset, event in enumerate(shop.events)],
        crm=Crm(buyers, [order_id for order_id, order in shop.orders.items() if order.is_purchase]),
        analytics=Analytics([Logged(e.event_id, e.type, e.key) for e in shop.events], expected.figures(shop)),
        notifications=Notifications(
            ["ada@example.com", "bob@example.com"], ["ada@example.com", "bob@example.com"]
        ),
    )


def customers() -> dict[int, Customer]:
    return {1: Customer("ada@example.com", NOON), 2: Customer("bob@example.com", NOON + timedelta(days=1))}


def orders() -> dict[str, Order]:
    """Ada buys for 10, 25 and nothing; Bob's order of 7 is cancelled before it is paid."""
    bought = {number: (1, Decimal(price)) for number, price in ((11, "10.00"), (12, "25.00"), (13, "0.00"))}
    at = NOON + timedelta(days=2)
    result = {
        str(UUID(int=number)): Order(
            customer, total, at + timedelta(days=number), at + timedelta(days=number), None
        )
        for number, (customer, total) in bought.items()
    }
    return result | {str(UUID(int=14)): Order(2, Decimal("7.00"), at, None, at + timedelta(days=1))}


def events() -> list[Event]:
    written = [event(REGISTERED, "shop.customers", str(pk), customer_id=pk) for pk in customers()]
    for order_id, order in orders().items():
        for type_ in (PLACED, PAID, CANCELLED):
            if type_ in order.days():
                written.append(
                    event(type_, "shop.orders", order_id, order_id=order_id, total=str(order.total))
                )
    written.append(event("shop.product.tagged", "shop.products", "5", product_id=5))
    return [
        each._replace(id=number, event_id=str(UUID(int=1000 + number))) for number, each in enumerate(written)
    ]


def event(type_: str, topic: str, key: str, **payload: object) -> Event:
    return Event(0, "", type_, topic, key, json.dumps(payload).encode(), NOON)


def record(event: Event, offset: int) -> Record:
    headers = (("ce_id", event.event_id.encode()), ("ce_type", event.type.encode()))
    return Record(event.topic, 0, offset, event.key, event.payload, event.event_id, event.type, headers)
