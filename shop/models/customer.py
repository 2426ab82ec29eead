"""Customers: the users of Django under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import User, UserManager

import outbox

if TYPE_CHECKING:
    from datetime import datetime


class CustomerManager(outbox.CapturedManager["Customer"], UserManager["Customer"]):
    use_in_migrations = False

    def register(self, name: str, email: str, username: str = "", at: datetime | None = None) -> Customer:
        """Create a customer, who signs in without a password. ``at`` dates the registration back."""
        first_name, _, last_name = name.strip().partition(" ")
        fields: dict[str, Any] = {"first_name": first_name, "last_name": last_name}
        if at is not None:
            fields["date_joined"] = at
        return self.create_user(username or email.lower(), email, None, **fields)


class Customer(User):
    """Django's user as a customer. A save of either model writes events."""

    objects: ClassVar[CustomerManager] = CustomerManager()

    class Meta:
        proxy = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.get_full_name() or self.username

    def rename(self, name: str) -> None:
        """Take a new name, without saving it."""
        self.first_name, _, self.last_name = name.strip().partition(" ")
