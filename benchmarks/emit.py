"""What an event adds to the transaction that saves an order: with and without its receiver, by turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from outbox.receivers import Receiver

WARM_UP, ROUNDS, BATCH = 50, 60, 10


def run() -> Iterator[str]:
    save = _orders()
    muted: Any = patch.object(Receiver, "__call__", lambda self, **_: [])
    with muted:
        for _ in range(WARM_UP):
            save()
        without_statements = _statements(save)
    with_statements = _statements(save)
    ratios, with_ms, without_ms = [], [], []
    for _ in range(ROUNDS):
        loud = _milliseconds(save)
        with muted:
            quiet = _milliseconds(save)
        ratios.append(loud / quiet)
        with_ms.append(loud)
        without_ms.append(quiet)
    yield f"statements: {with_statements} with the event, {without_statements} without"
    yield (
        f"a saved order: {statistics.median(with_ms):.3f} ms with the event, "
        f"{statistics.median(without_ms):.3f} ms without; ratio {statistics.median(ratios):.3f}"
    )


def _orders() -> Callable[[], None]:
    """A function that saves one order with a line, as the shop does."""
    from shop.models import Customer, Order, OrderLine, Product

    customer, _ = Customer.objects.get_or_create(username="bench", defaults={"email": "bench@example.com"})
    product, _ = Product.objects.get_or_create(
        slug="bench", defaults={"name": "Bench", "artist": "Bench", "genre": "jazz", "price": Decimal("9.99")}
    )

    def save() -> None:
        line = OrderLine(product=product, name=product.name, quantity=1, price=product.price)
        with transaction.atomic():
            Order.objects.place(customer, [line], None, timezone.now())

    return save


def _statements(save: Callable[[], None]) -> int:
    with CaptureQueriesContext(connection) as queries:
        save()
    return len([q for q in queries if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))])


def _milliseconds(save: Callable[[], None]) -> float:
    """The median time of one save in a batch."""
    times = []
    for _ in range(BATCH):
        start = time.perf_counter()
        save()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000
