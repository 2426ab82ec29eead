"""One welcome mail for each customer, however often an event is delivered.

A mail cannot be part of a database transaction, so a crash between "send" and "commit" is always possible.
Therefore:

1.  The row comes first. ``WelcomeMail`` has the customer as its primary key. It is inserted in the
    transaction that records the event as handled, and only its writer sends. A redelivery or a second
    registration event sends nothing.
2.  The mail goes out last, just before that transaction commits. If the mail server refuses it, the row is
    rolled back and the event is tried again: no mail is lost. (Sending after the commit would lose it in a
    crash.)
3.  A transaction holds one mail (``BATCH_SIZE`` 1). So a crash between the mail server's "250" and the commit
    leaves one mail in doubt, not a batch. That one is sent again.
4.  A mail that is sent again has the same Message-ID, made from the customer's number. Mail servers and
    programs that drop duplicates recognise it, and people can find it in logs.
"""

from __future__ import annotations

from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage

import inbox
from consumers.notifications.mailer import mailer
from consumers.notifications.models import WelcomeMail
from consumers.notifications.payloads import CustomerRegistered

TEXT = """Hello {name},

good to have you here. Your user name is {username}.

See you soon
The shop
"""


class Mails(inbox.Batch):
    """The mails of a transaction, sent when everything else in it is written."""

    def __init__(self) -> None:
        self._messages: list[EmailMessage] = []

    def welcome(self, customer: CustomerRegistered) -> None:
        """Send the welcome mail, unless this customer has had it or has no address."""
        if customer.email and WelcomeMail.objects.claim(customer.customer_id, customer.email):
            self._messages.append(welcome_mail(customer))

    def write(self) -> None:
        if self._messages:
            mailer.send(self._messages)


def welcome_mail(customer: CustomerRegistered) -> EmailMessage:
    """The mail, the same for the same customer."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return EmailMessage(
        subject="Welcome to the shop",
        body=TEXT.format(name=customer.name or customer.username, username=customer.username),
        to=[customer.email],
        headers={
            "Message-ID": f"<welcome.{customer.customer_id}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
