"""Searches everywhere for an order that was rolled back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.journey.inquiry import traces
from shop.journey.trail import trail
from shop.models import Order

if TYPE_CHECKING:
    from shop.models import DeclinedPayment


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found of an order at one place. None if the place did not answer."""

    where: str
    found: int | None


def search(payment: DeclinedPayment) -> list[Trace]:
    """Search for a rolled-back order in every place where a committed one would be."""
    return [
        Trace("The order in the shop", Order.objects.filter(pk=payment.order_id).count()),
        Trace("Its events in the outbox", trail(payment.order_id, [payment.declined_at]).count()),
        *(
            Trace(f"The order in {service.title}", found)
            for service, found in traces(payment.order_id).items()
        ),
    ]
