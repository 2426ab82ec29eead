"""What an event adds to the transaction that saves an order, measured in turns with and without
its receiver.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from outbox.capture.receivers import Receiver

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from shop.models import Customer, OrderLine

WARM_UP, ROUNDS = 50, 600

Save = Callable[[], None]


def run() -> Iterator[str]:
    yield from _compare("an order with one line", _order)
    yield from _compare("the shop's checkout, three lines, placed and paid", _checkout)
    yield from _compare("three lines saved one by one, the products locked", _careful_order)


def _compare(what: str, make: Callable[[], Save]) -> Iterator[str]:
    save = make()
    loud: list[float] = []
    quiet: list[float] = []
    least: list[float] = []
    muted: Any = patch.object(Receiver, "__call__", lambda self, **_: [])
    empty: Any = patch("outbox.write.transactions.execute", _empty_statement)
    for _ in range(WARM_UP):
        save()
    statements = _statements(save)
    with muted:
        bare = _statements(save)
    for _ in range(ROUNDS):
        loud.append(_milliseconds(save))
        with muted:
            quiet.append(_milliseconds(save))
        with empty:
            least.append(_milliseconds(save))
    with_ms, without_ms, least_ms = map(statistics.median, (loud, quiet, least))
    yield (
        f"{what}: {statements} statements with its events, {bare} without; "
        f"{with_ms:.3f} ms and {without_ms:.3f} ms, ratio {with_ms / without_ms:.3f} "
        f"(with SELECT 1 in place of the INSERT: {least_ms / without_ms:.3f})"
    )


def _empty_statement(using: BaseDatabaseWrapper, statement: str, parameters: object) -> list[Any]:
    """The smallest cost of any statement."""
    with using.cursor() as cursor:
        cursor.execute("SELECT 1")
        return list(cursor.fetchall())


def _order() -> Save:
    """A function that saves one order with a line."""
    from shop.models import Order

    customer, lines = _ground(1)

    def save() -> None:
        with transaction.atomic():
            Order.objects.place(customer, lines(), None, timezone.now())

    return save


def _checkout() -> Save:
    """A function that does what the storefront does for an order of three records."""
    from shop.checkout import checkout

    customer, lines = _ground(3)

    def save() -> None:
        checkout(customer, lines(), lambda order: None, timezone.now())

    return save


def _careful_order() -> Save:
    """A function that saves an order as a shop with a stock does: one line after the other, with locks."""
    from shop.models import Order, Product

    customer, lines = _ground(3)

    def save() -> None:
        order_lines = lines()
        with transaction.atomic():
            list(Product.objects.select_for_update().filter(pk__in=[line.product_id for line in order_lines]))
            total = sum((line.amount for line in order_lines), Decimal())
            order = Order(customer=customer, total=total, placed_at=timezone.now())
            order.items = order_lines
            order.save()
            for line in order_lines:
                line.order = order
                line.save()

    return save


def _ground(records: int) -> tuple[Customer, Callable[[], list[OrderLine]]]:
    from shop.models import Customer, OrderLine, Product

    customer, _ = Customer.objects.get_or_create(username="bench", defaults={"email": "bench@example.com"})
    products = [
        Product.objects.get_or_create(
            slug=f"bench-{number}",
            defaults={"name": "Bench", "artist": "Bench", "genre": "jazz", "price": Decimal("9.99")},
        )[0]
        for number in range(records)
    ]

    def lines() -> list[OrderLine]:
        return [
            OrderLine(product=product, name=product.name, quantity=1, price=product.price)
            for product in products
        ]

    return customer, lines


def _statements(save: Save) -> int:
    with CaptureQueriesContext(connection) as queries:
        save()
    return len([q for q in queries if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))])


def _milliseconds(save: Save) -> float:
    start = time.perf_counter()
    save()
    return (time.perf_counter() - start) * 1000
