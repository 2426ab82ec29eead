"""Two kinds of bank card, in place of a payment provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shop.errors import PaymentDeclined

if TYPE_CHECKING:
    from shop.models import Order

Charge = Callable[["Order"], None]


def accept(order: Order) -> None:
    """Charge a card that is good for any amount."""


def decline(order: Order) -> None:
    """Charge a card that is good for nothing: raises PaymentDeclined."""
    raise PaymentDeclined(order)
