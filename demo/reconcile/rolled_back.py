"""Searches every service for orders that were rolled back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from demo.reconcile.facts import Event, Ledgers, Record
from demo.reconcile.findings import Fault, Finding

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def find_rolled_back(ledgers: Ledgers) -> Iterator[Finding]:
    """Look for declined orders in each key and payload of outbox and Kafka, and in CRM and analytics."""
    for where, order_id, what in _mentions(ledgers):
        if order_id in ledgers.shop.declined:
            yield Finding(Fault.ROLLED_BACK, where, f"order {order_id} in {what}")


def _mentions(ledgers: Ledgers) -> Iterator[tuple[str, str, str]]:
    for event in ledgers.shop.events:
        for order_id in _named(event):
            yield "outbox", order_id, str(event)
    for record in ledgers.records:
        for order_id in _named(record):
            yield "Kafka", order_id, str(record)
    for order_id in ledgers.crm.purchases:
        yield "CRM", order_id, "its purchases"
    for logged in ledgers.analytics.log:
        yield "analytics", logged.key, str(logged)


def _named(event: Event | Record) -> set[str]:
    return {event.key, *(found.decode() for found in UUID.findall(event.payload or b""))}
