"""Places an order and pays it in one transaction. Its events commit or roll back with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from shop.errors import PaymentDeclined
from shop.models import DeclinedPayment, Order

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from shop.models import Customer, OrderLine
    from shop.payment import Charge


def checkout(
    customer: Customer, lines: Iterable[OrderLine], charge: Charge | None, at: datetime | None = None
) -> Order:
    """Place an order and, unless ``charge`` is None, pay it: both or neither.

    When the payment is declined, the order and the events that were already emitted for it are rolled back,
    the declined payment is recorded in a transaction of its own, and PaymentDeclined is raised.
    """
    try:
        with transaction.atomic(durable=True):
            return Order.objects.place(customer, lines, charge, at)
    except PaymentDeclined as declined:
        DeclinedPayment.objects.record(declined)
        raise
