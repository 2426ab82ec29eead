"""One welcome mail for each customer, whatever is delivered again.

A mail cannot be part of a database transaction: no order of "send" and "commit" is safe against a crash
between the two. What
is done about it:

1.  The row comes first. ``WelcomeMail`` has the customer as its primary key; it is inserted in the
    transaction that records the event as handled, and only who inserts it sends. Neither a redelivery nor a
    second registration event sends again.
2.  The mail goes out last, just before that transaction commits. If the mail server does not take it, the row
    goes with the transaction and the event is tried again: no mail is lost. (Sending after the commit would
    lose it in a crash.)
3.  A transaction holds one mail (``BATCH_SIZE`` 1), so a crash, or a database that goes away, between the
    mail server's "250" and the commit leaves one mail in doubt, not a batch of them. That one is sent again.
4.  A mail sent again is the same mail: its Message-ID is made from the customer's number. Mail servers and
    programs that drop duplicates recognise it, and so does whoever reads the logs.

So: never lost, and twice only if the process dies within the milliseconds between the two.
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
