"""Reads the databases of the four services in SQL, without their code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from demo.reconcile.facts import (
    Analytics,
    Buyer,
    Crm,
    Customer,
    Event,
    Figure,
    Logged,
    Notifications,
    Order,
    Shop,
)

CUSTOMERS = "SELECT id, email, date_joined FROM auth_user"
ORDERS = "SELECT id::text, customer_id, total, placed_at, paid_at, cancelled_at FROM shop_order"
DECLINED = "SELECT order_id::text FROM shop_declinedpayment"
EVENTS = "SELECT id, event_id::text, type, topic, key, payload, created_at FROM outbox_event ORDER BY id"
BUYERS = """
SELECT customer_id, email, first_purchase, last_purchase, purchases, spent FROM crm_customer WHERE NOT deleted
"""
PURCHASES = "SELECT order_id::text FROM crm_purchase"
LOG = "SELECT event_id, type, key FROM analytics_event"
FIGURES = "SELECT day, type, count, revenue FROM analytics_daily"
WELCOMED = "SELECT email FROM notifications_welcome_mail"


class Rows:
    """Answers of one database as it was at one moment."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def __call__(self, question: str) -> Iterator[tuple[Any, ...]]:
        return iter(self._connection.execute(question, binary=True))


@contextmanager
def reading(url: str) -> Iterator[Rows]:
    """All that is read inside is of one snapshot."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield Rows(connection)


def read_shop(url: str) -> Shop:
    with reading(url) as rows:
        return Shop(
            customers={customer_id: Customer(*row) for customer_id, *row in rows(CUSTOMERS)},
            orders={order_id: Order(*row) for order_id, *row in rows(ORDERS)},
            declined=frozenset(order_id for (order_id,) in rows(DECLINED)),
            events=[Event(*row) for row in rows(EVENTS)],
        )


def read_crm(url: str) -> Crm:
    with reading(url) as rows:
        return Crm(
            buyers={customer_id: Buyer(*row) for customer_id, *row in rows(BUYERS)},
            purchases=[order_id for (order_id,) in rows(PURCHASES)],
        )


def read_analytics(url: str) -> Analytics:
    with reading(url) as rows:
        return Analytics(
            log=[Logged(*row) for row in rows(LOG)],
            figures={(day, type_): Figure(*figure) for day, type_, *figure in rows(FIGURES)},
        )


def read_notifications(url: str, mails: list[str]) -> Notifications:
    with reading(url) as rows:
        return Notifications(welcomed=[email for (email,) in rows(WELCOMED)], mails=mails)
