"""What was true of the log at each minute, for the plots."""

from __future__ import annotations

from django.db import models


class Minute(models.Model):
    """``last_id`` is the largest id of the log, ``published`` how many events all shards have published so
    far; ``latency_ms`` is the worst of the minute before, None if nothing was published. ``pending`` is how
    many events waited (counted up to 10,000), ``oldest_ms`` for how long the oldest. One relay writes a row a
    minute.
    """

    minute = models.DateTimeField(primary_key=True)
    last_id = models.BigIntegerField()
    published = models.BigIntegerField()
    latency_ms = models.IntegerField(null=True)
    pending = models.IntegerField()
    oldest_ms = models.BigIntegerField()

    class Meta:
        db_table = "outbox_minute"
        default_permissions = ()

    def __str__(self) -> str:
        return f"the minute of {self.minute:%F %R}"
