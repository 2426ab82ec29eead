"""The data of each service as plain values, however they were read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

REGISTERED = "shop.customer.registered"
PLACED = "shop.order.placed"
PAID = "shop.order.paid"
CANCELLED = "shop.order.cancelled"


class Event(NamedTuple):
    """A row of the shop's outbox. ``id`` is its order among the events of one key."""

    id: int
    event_id: str
    type: str
    topic: str
    key: str
    payload: bytes | None
    created_at: datetime

    def __str__(self) -> str:
        return f"{self.type} {self.event_id} (key {self.key})"


class Record(NamedTuple):
    """A record of Kafka, with every header as it was sent."""

    topic: str
    partition: int
    offset: int
    key: str
    payload: bytes | None
    event_id: str
    type: str
    headers: tuple[tuple[str, bytes], ...]

    def __str__(self) -> str:
        return (
            f"{self.type} {self.event_id} (key {self.key}, {self.topic}[{self.partition}] at {self.offset})"
        )


class Customer(NamedTuple):
    email: str
    registered_at: datetime


class Order(NamedTuple):
    """An order of the shop. A cancelled order is not a purchase, even if it was paid."""

    customer_id: int
    total: Decimal
    placed_at: datetime
    paid_at: datetime | None
    cancelled_at: datetime | None

    @property
    def is_purchase(self) -> bool:
        return self.paid_at is not None and self.cancelled_at is None

    def days(self) -> dict[str, date]:
        """The types of its events, each with the day that counts."""
        moments = {
            PLACED: self.placed_at,
            PAID: self.placed_at if self.paid_at else None,
            CANCELLED: self.cancelled_at,
        }
        return {type_: at.astimezone(UTC).date() for type_, at in moments.items() if at is not None}


class Buyer(NamedTuple):
    """A customer with their purchases, by the shop's orders or by the CRM's row."""

    email: str
    first: datetime | None = None
    last: datetime | None = None
    purchases: int = 0
    spent: Decimal = Decimal()


class Logged(NamedTuple):
    """An event as the log of analytics has it."""

    event_id: str
    type: str
    key: str

    def __str__(self) -> str:
        return f"{self.type} {self.event_id} (key {self.key})"


class Figure(NamedTuple):
    """The number and the money of events of a type on a day."""

    events: int = 0
    revenue: Decimal = Decimal()


Figures = dict[tuple[date, str], Figure]


@dataclass(frozen=True, slots=True)
class Shop:
    """The truth: the tables of the shop, by primary key, and its outbox. ``declined`` was rolled back."""

    customers: dict[int, Customer] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    declined: frozenset[str] = frozenset()
    events: list[Event] = field(default_factory=list)

    @property
    def purchases(self) -> list[Order]:
        return [order for order in self.orders.values() if order.is_purchase]


@dataclass(frozen=True, slots=True)
class Crm:
    """``purchases`` are the ids of the orders that it has booked."""

    buyers: dict[int, Buyer] = field(default_factory=dict)
    purchases: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Analytics:
    log: list[Logged] = field(default_factory=list)
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notifications:
    """``welcomed`` are the addresses by its table, ``mails`` the recipients of what was really sent."""

    welcomed: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ledgers:
    """All that was read. ``records`` is Kafka: every partition in the order of its offsets."""

    shop: Shop
    records: list[Record]
    crm: Crm
    analytics: Analytics
    notifications: Notifications


class Totals(NamedTuple):
    """What is known beforehand of the purchases that are replayed."""

    customers: int
    purchases: int
    dollars: Decimal
