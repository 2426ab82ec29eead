"""Turns recorded purchases into orders."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from shop.checkout import checkout
from shop.errors import PaymentDeclined
from shop.models import Customer, OrderLine, Product
from shop.payment import accept, decline
from shop.purchases import people
from shop.purchases.tally import Tally
from shop.purchases.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shop.purchases.history import Purchase


@dataclass(slots=True)
class Writer:
    """Repeats the purchases of customers: each one is an order, placed and paid at once.

    A ``declined`` share of the purchases is first tried with a card that is declined when the order's events
    are already emitted. Which ones depends on ``seed`` alone, however many writers there are.
    """

    declined: float
    seed: int
    customers: dict[int, int] = field(default_factory=dict)  # number in the history -> primary key
    throttle: Throttle = field(default_factory=lambda: Throttle(None))
    tally: Tally = field(default_factory=Tally)

    def write(self, purchases: Iterable[Purchase]) -> Iterator[Purchase]:
        """Write the purchases, yielding each one when it is committed."""
        products = list(Product.objects.order_by("pk").only("pk", "name"))
        for purchase in purchases:
            self.throttle.wait()
            self._buy(purchase, products)
            yield purchase

    def _buy(self, purchase: Purchase, products: list[Product]) -> None:
        chance = random.Random(f"{self.seed} {purchase.customer} {purchase.at}")
        customer = self._customer(purchase)
        records = chance.sample(products, 2)
        if chance.random() < self.declined:
            try:
                checkout(customer, lines(purchase, records), decline, purchase.at)
            except PaymentDeclined:
                self.tally.declined += 1
        order = checkout(customer, lines(purchase, records), accept, purchase.at)
        self.tally.purchases += 1
        self.tally.dollars += order.total

    def _customer(self, purchase: Purchase) -> Customer:
        number = purchase.customer
        if number in self.customers:
            return Customer(pk=self.customers[number], username=people.username(number))
        customer = Customer.objects.register(
            people.name(number), people.email(number), people.username(number), purchase.at
        )
        self.customers[number] = customer.pk
        self.tally.customers += 1
        return customer


def lines(purchase: Purchase, products: list[Product]) -> list[OrderLine]:
    """Divide the sum over the CDs, to the cent: the data has only the sum."""
    cents, dearer = divmod(int(purchase.dollars * 100), purchase.cds)
    shares = ((products[0], purchase.cds - dearer, cents), (products[1], dearer, cents + 1))
    return [
        OrderLine(product=product, name=product.name, quantity=quantity, price=Decimal(price).scaleb(-2))
        for product, quantity, price in shares
        if quantity
    ]
