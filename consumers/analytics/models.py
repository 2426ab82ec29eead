"""The tables of analytics: a log of events and a figure for each day and type."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class EventLog(models.Model):
    """Every event that arrived, without its payload, which may be personal and is not needed here."""

    id = models.BigAutoField(primary_key=True)
    source = models.TextField()
    event_id = models.TextField()
    type = models.TextField()
    topic = models.TextField()
    key = models.TextField(null=True)
    day = models.DateField()
    revenue = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "analytics_event"
        verbose_name = "event"
        indexes: ClassVar = [models.Index(fields=["key"], name="analytics_event_key")]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class DailyFigure(models.Model):
    """The number and the money of events of a type on a day.

    ``day`` is a business date in UTC: when the order was placed or taken back, or the customer registered,
    which for a replayed history is long ago; for other events it is the event's own time. ``revenue`` is the
    sum of the events' ``total``, so for ``shop.order.cancelled`` the money that was taken back.
    """

    day = models.DateField()
    type = models.TextField()
    count = models.BigIntegerField(default=0)
    revenue = models.DecimalField(max_digits=16, decimal_places=2, default=0)

    class Meta:
        db_table = "analytics_daily"
        verbose_name = "daily figure"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "type"], name="analytics_daily_figure")
        ]

    def __str__(self) -> str:
        return f"{self.type} on {self.day}"
