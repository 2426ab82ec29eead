"""Orders, their lines and the changes of their status."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

import outbox
from shop.errors import EmptyOrder, StatusConflict
from shop.models.customer import Customer
from shop.models.product import Product
from shop.payment import accept

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from shop.payment import Charge


class OrderManager(outbox.CapturedManager["Order"]):
    def place(
        self,
        customer: Customer,
        lines: Iterable[OrderLine],
        charge: Charge | None = None,
        at: datetime | None = None,
    ) -> Order:
        """Save an order with its lines and, with a ``charge``, pay it, all in one transaction.

        ``at`` dates it back. Raises EmptyOrder without lines, and whatever ``charge`` raises.
        """
        lines = list(lines)
        if not lines:
            raise EmptyOrder(f"An order of {customer} has no lines. Add a record to it first.")
        total = sum((line.amount for line in lines), Decimal())
        order = Order(customer=customer, total=total, placed_at=at or timezone.now())
        for line in lines:
            line.order = order
        order.items = lines
        with transaction.atomic(savepoint=False):
            # Lines first, so that receivers of the order can read them. Their foreign key is checked at
            # commit.
            OrderLine.objects.bulk_create(lines)
            order.save()
            if charge is not None:
                order._settle(charge, order.placed_at)
        return order


class Order(models.Model):
    class Status(models.TextChoices):
        PLACED = "placed", "Placed"
        PAID = "paid", "Paid"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders", db_index=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PLACED)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    placed_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField("reason for cancelling", max_length=200, blank=True)
    created_at = models.DateTimeField(
        auto_now_add=True, help_text="when the row was written; history is older"
    )

    objects = OrderManager()

    _stored_status: str | None = None

    class Meta:
        base_manager_name = "objects"  # customer.orders.add() is captured, too
        ordering: ClassVar = ["-placed_at"]
        indexes: ClassVar = [
            models.Index(fields=["customer", "placed_at"], name="shop_order_customer"),
            models.Index(fields=["placed_at"], name="shop_order_placed_at"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(total__gte=0), name="shop_order_total"),
            models.CheckConstraint(
                condition=~models.Q(status="paid", paid_at=None)
                & ~models.Q(status="cancelled", cancelled_at=None),
                name="shop_order_status_dated",
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self._stored_status = self.status

    def get_absolute_url(self) -> str:
        return reverse("shop:order", args=[self.id])

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Order:
        order = super().from_db(*args, **kwargs)
        order._stored_status = order.__dict__.get("status")
        return order

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._stored_status = self.__dict__.get("status")

    def status_written(self, update_fields: Collection[str] | None) -> bool:
        """Whether a save that wrote ``update_fields`` (None: all) gave the order its status."""
        return self.status != self._stored_status if update_fields is None else "status" in update_fields

    @cached_property
    def items(self) -> list[OrderLine]:
        """The order's lines, read once."""
        return list(self.lines.all())

    def pay(self, charge: Charge = accept) -> None:
        """Mark the order as paid and charge the customer; a payment that is declined undoes both.

        Raises StatusConflict for an order whose status is not "placed", and whatever ``charge`` raises.
        """
        with transaction.atomic():
            self._lock()
            if self.status != self.Status.PLACED:
                raise StatusConflict(self, "paid", "a placed order")
            self._settle(charge, timezone.now())

    def cancel(self, reason: str) -> None:
        """Cancel the order, paid or not. Raises StatusConflict if it is already cancelled."""
        with transaction.atomic():
            self._lock()
            if self.status == self.Status.CANCELLED:
                raise StatusConflict(self, "cancelled", "a placed or paid order")
            self.status = self.Status.CANCELLED
            self.cancelled_at = timezone.now()
            self.reason = reason
            self.save(update_fields=["status", "cancelled_at", "reason"])

    def _settle(self, charge: Charge, at: datetime) -> None:
        self.status = self.Status.PAID
        self.paid_at = at
        self.save(update_fields=["status", "paid_at"])
        charge(self)

    def _lock(self) -> None:
        """Wait for other changes of this order, so that its events are in the order of their commits."""
        self.refresh_from_db(from_queryset=Order.objects.select_for_update(of=("self",)))


class OrderLine(models.Model):
    """A number of one product, with its name and price at the time of the order."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    quantity = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, price__gte=0), name="shop_orderline_amount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.name}"

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price
