"""Declined payments: what remains of an order that was rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models

if TYPE_CHECKING:
    from shop.errors import PaymentDeclined


class DeclinedPaymentManager(models.Manager["DeclinedPayment"]):
    def record(self, declined: PaymentDeclined) -> DeclinedPayment:
        """Store the declined payment. Call it after the order's transaction was rolled back."""
        order = declined.order
        return self.create(order_id=order.pk, customer_id=order.customer_id, amount=order.total)


class DeclinedPayment(models.Model):
    """What remains of a rolled-back order, so that a visitor can check that no service ever saw it. It has no
    foreign keys, because the order does not exist.
    """

    order_id = models.UUIDField(unique=True)
    customer_id = models.BigIntegerField()
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    declined_at = models.DateTimeField(auto_now_add=True)

    objects = DeclinedPaymentManager()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.amount} for order {self.order_id}"
