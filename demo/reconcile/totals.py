"""Customers, purchases and money, counted by each service for itself. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal

from demo.reconcile.facts import (
    CANCELLED,
    PAID,
    REGISTERED,
    Analytics,
    Crm,
    Figure,
    Ledgers,
    Record,
    Shop,
    Totals,
)
from demo.reconcile.findings import Fault, Finding
from demo.reconcile.wire import first_deliveries

DELETED = "shop.customer.deleted"


def of_shop(shop: Shop) -> Totals:
    bought = shop.purchases
    return Totals(len(shop.customers), len(bought), sum((order.total for order in bought), Decimal()))


def of_kafka(records: Iterable[Record]) -> Totals:
    """From the payloads alone."""
    customers = 0
    bought: dict[str, Decimal] = {}
    for record in first_deliveries(records):
        customers += (record.type == REGISTERED) - (record.type == DELETED)
        if record.type == PAID:
            bought[record.key] = Decimal(json.loads(record.payload or b"{}").get("total", 0))
        elif record.type == CANCELLED:
            bought.pop(record.key, None)
    return Totals(customers, len(bought), sum(bought.values(), Decimal()))


def of_crm(crm: Crm) -> Totals:
    """From the sums in its rows, not from the purchases that it has booked."""
    buyers = crm.buyers.values()
    spent = sum((buyer.spent for buyer in buyers), Decimal())
    return Totals(len(buyers), sum(buyer.purchases for buyer in buyers), spent)


def of_analytics(analytics: Analytics) -> Totals:
    """From the daily figures: all that was ever paid."""
    by_type: dict[str, Figure] = {}
    for (_, type_), figure in analytics.figures.items():
        events, revenue = by_type.get(type_, Figure())
        by_type[type_] = Figure(events + figure.events, revenue + figure.revenue)
    registered, deleted, paid = (by_type.get(type_, Figure()) for type_ in (REGISTERED, DELETED, PAID))
    return Totals(registered.events - deleted.events, *paid)


def compare_totals(ledgers: Ledgers, known: Totals) -> Iterator[Finding]:
    """Whether each service's sums are those of the data that was replayed."""
    services = {
        "shop": of_shop(ledgers.shop),
        "Kafka": of_kafka(ledgers.records),
        "CRM": of_crm(ledgers.crm),
        "analytics": of_analytics(ledgers.analytics),
    }
    for where, totals in services.items():
        for name, right, found in zip(Totals._fields, known, totals, strict=True):
            if found != right:
                yield Finding(Fault.TOTAL, where, f"{found:,} {name} instead of {right:,}")
