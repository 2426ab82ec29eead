"""The services that consume the shop's events. Only this page reads their databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Answer = Callable[[Mapping[str, Any] | None], str]


@dataclass(frozen=True, slots=True)
class Service:
    """A service, the types of events it takes (none named: all), and how to read what it made of an order.

    ``answer`` puts the result of ``question`` into words. ``trace`` counts its rows of this order.
    """

    name: str
    title: str
    types: frozenset[str]
    question: str
    answer: Answer
    trace: str = ""

    def takes(self, type_: str) -> bool:
        return not self.types or type_ in self.types


def _crm(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "Does not know the customer yet."
    return f"Knows the customer, with {_purchases(row['purchases'])} for ${row['spent']:,.2f} in all."


def _analytics(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "Has counted no purchase on that day yet."
    return f"Counts {_purchases(row['count'])} for ${row['revenue']:,.2f} on {row['day']:%-d %B %Y}."


def _notifications(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "Has sent no welcome mail yet."
    return f"Sent the welcome mail on {row['sent_at']:%-d %B %Y at %H:%M}."


def _purchases(count: int) -> str:
    return f"{count:,} purchase{'' if count == 1 else 's'}"


SERVICES = (
    Service(
        name="crm",
        title="CRM",
        types=frozenset({"shop.customer.registered", "shop.order.paid", "shop.order.cancelled"}),
        question="SELECT purchases, spent FROM crm_customer WHERE customer_id = %(customer_id)s",
        answer=_crm,
        trace="SELECT count(*) AS count FROM crm_purchase WHERE order_id = %(order_id)s::uuid",
    ),
    Service(
        name="analytics",
        title="Analytics",
        types=frozenset(),
        question=(
            "SELECT day, count, revenue FROM analytics_daily WHERE day = %(day)s AND type = 'shop.order.paid'"
        ),
        answer=_analytics,
        trace="SELECT count(*) AS count FROM analytics_event WHERE key = %(order_id)s",
    ),
    Service(
        name="notifications",
        title="Notifications",
        types=frozenset({"shop.customer.registered"}),
        question="SELECT sent_at FROM notifications_welcome_mail WHERE customer_id = %(customer_id)s",
        answer=_notifications,
    ),
)
