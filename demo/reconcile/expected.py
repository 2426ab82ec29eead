"""Computes what the services should have, from the shop's customers and orders. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date
from decimal import Decimal

from demo.reconcile.facts import CANCELLED, PAID, PLACED, REGISTERED, Buyer, Figure, Figures, Shop

FROM_TABLES = {REGISTERED, PLACED, PAID, CANCELLED}


def buyers(shop: Shop) -> dict[int, Buyer]:
    """What a CRM should have."""
    result = {customer_id: Buyer(customer.email) for customer_id, customer in shop.customers.items()}
    for order in shop.purchases:
        buyer = result[order.customer_id]
        result[order.customer_id] = Buyer(
            buyer.email,
            min(buyer.first or order.placed_at, order.placed_at),
            max(buyer.last or order.placed_at, order.placed_at),
            buyer.purchases + 1,
            buyer.spent + order.total,
        )
    return result


def events(shop: Shop) -> Iterator[tuple[str, str]]:
    """The (type, key) of each event that the tables say must have been emitted, once."""
    for customer_id in shop.customers:
        yield REGISTERED, str(customer_id)
    for order_id, order in shop.orders.items():
        for type_ in order.days():
            yield type_, order_id


def figures(shop: Shop) -> Figures:
    """Events and revenue by day and type. Event types without a table are taken from the outbox."""
    result: defaultdict[tuple[date, str], Figure] = defaultdict(Figure)

    def add(day: date, type_: str, revenue: Decimal = Decimal()) -> None:
        count, money = result[day, type_]
        result[day, type_] = Figure(count + 1, money + revenue)

    for customer in shop.customers.values():
        add(customer.registered_at.astimezone(UTC).date(), REGISTERED)
    for order in shop.orders.values():
        for type_, day in order.days().items():
            add(day, type_, order.total)
    for event in shop.events:
        if event.type not in FROM_TABLES:
            add(event.created_at.astimezone(UTC).date(), event.type)
    return dict(result)
