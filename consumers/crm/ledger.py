"""Writes the purchases of a batch, and removes those that were cancelled."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

import inbox
from consumers.crm.models import Customer, Purchase
from consumers.crm.payloads import OrderPaid

# The dates come from the remaining purchases, so that a cancelled one leaves the right first and last date.
# Rows are locked in the order of their ids, because another instance may be handling orders of the same
# customers.
SUM_UP = """
WITH change AS (
    SELECT customer_id, sum(sign) AS purchases, sum(sign * total) AS spent
    FROM unnest(%s::bigint[], %s::int[], %s::numeric[]) AS changed (customer_id, sign, total)
    GROUP BY customer_id
), locked AS MATERIALIZED (
    SELECT customer_id FROM crm_customer WHERE customer_id IN (SELECT customer_id FROM change)
    ORDER BY customer_id FOR UPDATE
)
UPDATE crm_customer AS customer
SET purchases = customer.purchases + change.purchases,
    spent = customer.spent + change.spent,
    first_purchase = (SELECT min(placed_at) FROM crm_purchase p WHERE p.customer_id = customer.customer_id),
    last_purchase = (SELECT max(placed_at) FROM crm_purchase p WHERE p.customer_id = customer.customer_id)
FROM locked JOIN change USING (customer_id)
WHERE customer.customer_id = locked.customer_id
"""


class Ledger(inbox.Batch):
    """The purchases of a batch, and those taken back, written with a handful of statements."""

    def __init__(self) -> None:
        self._paid: dict[UUID, OrderPaid] = {}
        self._cancelled: set[UUID] = set()

    def pay(self, order: OrderPaid) -> None:
        self._paid[order.order_id] = order

    def cancel(self, order_id: UUID) -> None:
        """Remove a purchase of this batch or of an earlier one."""
        if self._paid.pop(order_id, None) is None:
            self._cancelled.add(order_id)

    def write(self) -> None:
        taken_back = Purchase.objects.filter(order_id__in=self._cancelled)
        changes = [(p.customer_id, -1, p.total) for p in taken_back]
        taken_back.delete()
        changes += [(order.customer_id, 1, order.total) for order in self._paid.values()]
        customers = [customer_id for customer_id, _, _ in changes]
        Customer.objects.bulk_create(
            [Customer(customer_id=pk) for pk in sorted(set(customers))], ignore_conflicts=True
        )
        Purchase.objects.bulk_create(
            Purchase(order_id=o.order_id, customer_id=o.customer_id, placed_at=o.placed_at, total=o.total)
            for o in self._paid.values()
        )
        with connection.cursor() as cursor:
            cursor.execute(
                SUM_UP, [customers, [sign for _, sign, _ in changes], [total for _, _, total in changes]]
            )
