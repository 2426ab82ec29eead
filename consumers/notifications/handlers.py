"""Sends a welcome mail to each new customer."""

from __future__ import annotations

import inbox
from consumers.notifications.mails import Mails
from consumers.notifications.models import WelcomeMail
from consumers.notifications.payloads import CustomerDeleted, CustomerRegistered


@inbox.handler("shop.customer.registered")
def customer_registered(customer: CustomerRegistered) -> None:
    Mails.current().welcome(customer)


@inbox.handler("shop.customer.deleted")
def customer_deleted(customer: CustomerDeleted | None, event: inbox.Event) -> None:
    """Forget the address; that the mail was sent is remembered."""
    customer_id = int(event.key or "") if customer is None else customer.customer_id
    WelcomeMail.objects.filter(customer_id=customer_id).update(email="")
