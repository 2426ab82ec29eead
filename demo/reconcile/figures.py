"""The rows of the table: one figure each, from every service that knows it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from demo.reconcile import totals
from demo.reconcile.facts import Ledgers
from demo.reconcile.wire import first_deliveries

COLUMNS = ("shop", "Kafka", "CRM", "analytics", "notific.")
Value = int | Decimal | None


class Row(NamedTuple):
    """``values`` in the order of COLUMNS; None where the service does not know the figure."""

    label: str
    values: tuple[Value, ...]


def rows(ledgers: Ledgers) -> Iterator[Row]:
    """Customers, purchases and money, mails, then the events by type."""
    shop, kafka = totals.of_shop(ledgers.shop), totals.of_kafka(ledgers.records)
    crm, analytics = totals.of_crm(ledgers.crm), totals.of_analytics(ledgers.analytics)
    welcomed = len(ledgers.notifications.welcomed), None, None
    labels = ("customers", "purchases", "dollars")
    for label, *values in zip(labels, shop, kafka, crm, analytics, welcomed, strict=True):
        yield Row(label, tuple(values))
    yield Row("welcome mails", (None, None, None, None, len(ledgers.notifications.mails)))
    yield from _events(ledgers)


def _events(ledgers: Ledgers) -> Iterator[Row]:
    ours = Counter(event.type for event in ledgers.shop.events)
    sent = Counter(record.type for record in first_deliveries(ledgers.records))
    logged = Counter(each.type for each in ledgers.analytics.log)
    for type_ in sorted(ours | sent | logged):
        yield Row(type_.removeprefix("shop."), (ours[type_], sent[type_], None, logged[type_], None))
    yield Row("events in all", (ours.total(), sent.total(), None, logged.total(), None))
