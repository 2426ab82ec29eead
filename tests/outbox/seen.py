"""What receivers of a price saw."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models.signals import post_save

import outbox
from tests.testapp.models import Price


class Seen:
    """What a receiver got."""

    def __init__(self, sender: Any = Price, **options: Any) -> None:
        self.instances: list[Any] = []
        self.previous: list[Any] = []

        @outbox.receiver(post_save, sender=sender, **options)
        def seen(instance: Any, **kwargs: Any) -> None:
            self.instances.append(instance)
            self.previous.append(kwargs.get("previous", "not asked for"))

    @property
    def last(self) -> Any:
        return self.instances[-1]


@pytest.fixture
def price(seen: Seen) -> Price:
    return Price.objects.create(name="a", amount=Decimal("1.00"), count=1)


@pytest.fixture
def seen() -> Seen:
    return Seen()
