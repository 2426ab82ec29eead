"""Compares the outbox and the three services with the shop's own tables. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator

from demo.reconcile import expected
from demo.reconcile.facts import Analytics, Buyer, Crm, Figure, Notifications, Shop
from demo.reconcile.findings import Fault, Finding


def compare_outbox(shop: Shop) -> Iterator[Finding]:
    """Each customer and order has its events in the outbox: none is missing, none is invented."""
    told = (f"{type_} with key {key}" for type_, key in expected.events(shop))
    written = (
        f"{event.type} with key {event.key}" for event in shop.events if event.type in expected.FROM_TABLES
    )
    return _each_once("outbox", list(told), list(written))


def compare_crm(shop: Shop, crm: Crm) -> Iterator[Finding]:
    """Row by row: each customer has the total of the shop's orders, each purchase is booked once."""
    ours = expected.buyers(shop)
    yield from _each_once("CRM", [f"customer {pk}" for pk in ours], [f"customer {pk}" for pk in crm.buyers])
    orders = [f"order {order_id}" for order_id, order in shop.orders.items() if order.is_purchase]
    yield from _each_once("CRM", orders, [f"order {order_id}" for order_id in crm.purchases])
    for customer_id in ours.keys() & crm.buyers.keys():
        yield from _compare_buyer(customer_id, ours[customer_id], crm.buyers[customer_id])


def _compare_buyer(customer_id: int, ours: Buyer, theirs: Buyer) -> Iterator[Finding]:
    for field, right, wrong in zip(Buyer._fields, ours, theirs, strict=True):
        if right != wrong:
            fault = _by_count(ours.purchases, theirs.purchases)
            yield Finding(
                fault, "CRM", f"customer {customer_id}: {field} {_shown(wrong)} instead of {_shown(right)}"
            )


def compare_analytics(shop: Shop, analytics: Analytics) -> Iterator[Finding]:
    """The log has every event once, and each day's figures are the shop's of that day."""
    emitted = [f"{event.type} {event.event_id}" for event in shop.events]
    yield from _each_once(
        "analytics", emitted, [f"{logged.type} {logged.event_id}" for logged in analytics.log]
    )
    ours = expected.figures(shop)
    for day, type_ in sorted(ours.keys() | analytics.figures.keys()):
        right, wrong = (figures.get((day, type_), Figure()) for figures in (ours, analytics.figures))
        if right != wrong:
            fault = _by_count(right.events, wrong.events)
            yield Finding(fault, "analytics", f"{type_} of {day}: {_words(wrong)} instead of {_words(right)}")


def compare_mails(shop: Shop, notifications: Notifications) -> Iterator[Finding]:
    """Each customer got one welcome mail: by the table of the service, and by the mails themselves."""
    customers = [customer.email for customer in shop.customers.values() if customer.email]
    for where, addresses in (("notifications", notifications.welcomed), ("mailbox", notifications.mails)):
        for finding in _each_once(where, customers, addresses):
            yield finding._replace(fault=Fault.MAIL, what=f"{finding.what} ({finding.fault})")


def _each_once(where: str, ours: Collection[Hashable], theirs: Collection[Hashable]) -> Iterator[Finding]:
    """Whether the same things are in both, as often."""
    right, found = Counter(ours), Counter(theirs)
    for thing in right - found:
        yield Finding(Fault.LOST, where, str(thing))
    for thing, times in (found - right).items():
        if thing in right:
            yield Finding(Fault.TWICE, where, f"{thing}, {times + right[thing]} times")
        else:
            yield Finding(Fault.PHANTOM, where, str(thing))


def _by_count(right: int, wrong: int) -> Fault:
    if wrong == right:
        return Fault.DIFFERENT
    return Fault.TWICE if wrong > right else Fault.LOST


def _words(figure: Figure) -> str:
    return f"{figure.events:,} for {figure.revenue:,.2f}"


def _shown(value: object) -> str:
    return f"{value:%F %R}" if hasattr(value, "strftime") else str(value)
