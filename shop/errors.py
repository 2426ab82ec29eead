"""Every error that the shop raises.

ShopError
├── EmptyOrder          an order without lines
├── StatusConflict      the order's status does not allow what was asked
├── PaymentDeclined     the bank declined; the transaction rolls back
└── PurchaseFileError   a file of purchases cannot be read
    └── BadPurchaseLine one line of it is not a purchase
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from shop.models import Order


class ShopError(Exception):
    """The shop could not do what was asked."""


class EmptyOrder(ShopError, ValueError):
    """An order needs at least one line."""


class StatusConflict(ShopError):
    """The order's status does not allow what was asked."""

    def __init__(self, order: Order, verb: str, allowed: str) -> None:
        status = order.get_status_display().lower()
        super().__init__(f"Order {order.pk} is {status} and cannot be {verb}; only {allowed} can.")


class PaymentDeclined(ShopError):
    """The bank declined to pay for the order."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"The payment of {order.total} for order {order.pk} was declined. Try another card.")
        self.order = order


class PurchaseFileError(ShopError):
    """A file of purchases cannot be read."""


class BadPurchaseLine(PurchaseFileError, ValueError):
    """A line of a purchase file is not a purchase."""

    def __init__(self, path: Path, number: int, line: str, problem: str) -> None:
        super().__init__(
            f"{path}, line {number}: {problem}\n"
            f"    {line.strip() or '(empty)'}\n"
            "A purchase is: customer number, date as YYYYMMDD, number of CDs, dollars with two decimals:\n"
            "    00002 19970112 5 77.00\n"
            "Correct or remove the line and run the command again: nothing was imported."
        )
