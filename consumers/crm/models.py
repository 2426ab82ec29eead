"""The tables of the CRM: customers and what they bought."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Customer(models.Model):
    """A customer of the shop and what they bought.

    The row is there from the first event that names the customer, which may be an order: topics have no order
    among each other. It stays when the customer is deleted, for the figures, without anything personal.
    """

    customer_id = models.BigIntegerField(primary_key=True)
    username = models.TextField(blank=True, default="")
    email = models.TextField(blank=True, default="")
    name = models.TextField(blank=True, default="")
    registered_at = models.DateTimeField(null=True, blank=True)
    deleted = models.BooleanField(default=False, db_default=False)
    first_purchase = models.DateTimeField(null=True, blank=True)
    last_purchase = models.DateTimeField(null=True, blank=True)
    purchases = models.IntegerField(default=0, db_default=0)
    spent = models.DecimalField(max_digits=14, decimal_places=2, default=0, db_default=0)

    class Meta:
        db_table = "crm_customer"

    def __str__(self) -> str:
        return self.name or self.username or f"customer {self.customer_id}"


class Purchase(models.Model):
    """A paid order, not taken back; it may have cost nothing. ``placed_at`` is the date that counts."""

    order_id = models.UUIDField(primary_key=True)
    customer_id = models.BigIntegerField()
    placed_at = models.DateTimeField()
    total = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        db_table = "crm_purchase"
        indexes: ClassVar = [models.Index(fields=["customer_id", "placed_at"], name="crm_purchase_dates")]

    def __str__(self) -> str:
        return f"order {self.order_id}"
