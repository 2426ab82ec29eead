"""Finds the purchases that are not yet in the shop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from shop.models import Customer
from shop.purchases import people

if TYPE_CHECKING:
    from shop.purchases.history import Purchase


@dataclass(frozen=True, slots=True)
class Outstanding:
    """The purchases that are not yet in the shop, and the primary keys of those customers who are."""

    purchases: list[Purchase]
    customers: dict[int, int]

    @classmethod
    def of(cls, purchases: list[Purchase]) -> Outstanding:
        """Skip what an earlier replay wrote: for each customer, as many purchases as are paid."""
        numbers = {people.username(purchase.customer): purchase.customer for purchase in purchases}
        paid = Q(orders__paid_at__isnull=False, orders__placed_at__lte=purchases[-1].at)
        known = Customer.objects.filter(username__in=numbers).annotate(bought=Count("orders", filter=paid))
        customers, written = {}, Counter[int]()
        for customer in known.only("pk", "username"):
            customers[numbers[customer.username]] = customer.pk
            written[numbers[customer.username]] = customer.bought
        outstanding = []
        for purchase in purchases:
            if written[purchase.customer]:
                written[purchase.customer] -= 1
            else:
                outstanding.append(purchase)
        return cls(outstanding, customers)

    def shares(self, count: int) -> list[Outstanding]:
        """Divide the customers among so many writers. One writer gets all purchases of a
        customer, in order.
        """
        numbers = dict.fromkeys(purchase.customer for purchase in self.purchases)
        owner = {number: index % count for index, number in enumerate(numbers)}
        purchases: list[list[Purchase]] = [[] for _ in range(min(count, len(numbers)))]
        for purchase in self.purchases:
            purchases[owner[purchase.customer]].append(purchase)
        return [Outstanding(share, self.customers) for share in purchases]
