"""The basket of a visitor."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from shop.models import OrderLine, Product

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase
    from django.http import HttpRequest

KEY = "basket"
MOST = 99


@dataclass(frozen=True, slots=True)
class Basket:
    """The products that a visitor has chosen and their numbers, kept in the session."""

    session: SessionBase

    @property
    def quantities(self) -> dict[str, int]:
        return dict(self.session.get(KEY, {}))

    def __len__(self) -> int:
        return sum(self.quantities.values())

    def __bool__(self) -> bool:
        return bool(self.quantities)

    def put(self, product: Product, quantity: int) -> None:
        """Set the number of a product, at most 99. Zero removes it."""
        quantities = self.quantities
        quantities[str(product.pk)] = min(quantity, MOST)
        self.session[KEY] = {pk: many for pk, many in quantities.items() if many > 0}

    def add(self, product: Product) -> None:
        self.put(product, self.quantities.get(str(product.pk), 0) + 1)

    def empty(self) -> None:
        self.session.pop(KEY, None)

    def lines(self) -> list[OrderLine]:
        """The basket as lines of an order that is not saved, at today's prices."""
        quantities = self.quantities
        return [
            OrderLine(
                product=product, name=product.name, quantity=quantities[str(product.pk)], price=product.price
            )
            for product in Product.objects.filter(pk__in=quantities)
        ]

    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines()), Decimal())


def basket(request: HttpRequest) -> dict[str, Basket]:
    """Context processor: the visitor's basket, for the count in the page's head."""
    return {"basket": Basket(request.session)}
