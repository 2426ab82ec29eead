"""The table of the welcome mails that were sent."""

from __future__ import annotations

from django.db import connections, models
from django.db.models.functions import Now

CLAIM = "INSERT INTO notifications_welcome_mail (customer_id, email) VALUES (%s, %s) ON CONFLICT DO NOTHING"


class WelcomeMailManager(models.Manager["WelcomeMail"]):
    def claim(self, customer_id: int, email: str) -> bool:
        """Whether this customer is yet to have the mail; once the transaction commits, they had it."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(CLAIM, [customer_id, email])
            return bool(cursor.rowcount)


class WelcomeMail(models.Model):
    """That a customer was sent the welcome mail: one row, one mail. See ``consumers.notifications.mails``."""

    customer_id = models.BigIntegerField(primary_key=True)
    email = models.TextField(blank=True)
    sent_at = models.DateTimeField(db_default=Now())

    objects = WelcomeMailManager()

    class Meta:
        db_table = "notifications_welcome_mail"
        verbose_name = "welcome mail"

    def __str__(self) -> str:
        return f"welcome mail to customer {self.customer_id}"
