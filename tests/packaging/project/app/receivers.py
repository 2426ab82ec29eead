"""A receiver of a user's project."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save

import outbox
from app.events import OrderPlaced


@outbox.receiver(post_save, sender="app.Order")
def order_saved(instance: Any, created: bool, **kwargs: object) -> OrderPlaced | None:
    return OrderPlaced(instance.pk, instance.total) if created else None


def place(order: OrderPlaced) -> None:
    with transaction.atomic(), outbox.context(correlation_id="order-1"):
        ids = outbox.emit(order)
    assert ids
