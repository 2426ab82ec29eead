"""The table of consumer processes and their heartbeats."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

ALIVE = timedelta(seconds=60)


class InstanceQuerySet(models.QuerySet["Instance"]):
    def alive(self) -> InstanceQuerySet:
        """Processes that wrote a heartbeat within the last minute."""
        return self.filter(heartbeat_at__gte=Now() - ALIVE)


class Instance(models.Model):
    """A process that runs a consumer, or ran it. Its loop writes the heartbeat, so a process that hangs
    writes none, except while a statement of the loop waits for a lock.

    ``state_since`` is when it entered its state, ``member`` is its id in the Kafka group, ``reads`` has its
    partitions (``topic/0``), ``in_hand`` counts the records that it has read and not finished, ``handled``
    counts the events that it has handled, ``workers`` the processes that handle them; 0: it does that itself.
    ``progress_at`` is when it last handled one. The lag is not stored here: see ``inbox.status.lag``. The
    table is UNLOGGED.
    """

    class State(models.TextChoices):
        RUNNING = "running", "running"
        WAITING = "waiting", "waiting"

    id = models.UUIDField(primary_key=True)
    consumer = models.TextField()
    host = models.TextField()
    pid = models.IntegerField()
    member = models.TextField(default="")
    state = models.TextField(choices=State.choices)
    state_since = models.DateTimeField(db_default=Now())
    detail = models.TextField(default="")
    partitions = models.IntegerField(default=0)
    reads = models.JSONField(default=list)
    in_hand = models.IntegerField(default=0)
    handled = models.BigIntegerField(default=0)
    workers = models.IntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    progress_at = models.DateTimeField(null=True)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        db_table = "inbox_consumer"
        verbose_name = "consumer"

    def __str__(self) -> str:
        return f"{self.consumer} at {self.host}:{self.pid}"


class InboxStatus(Instance):
    """The admin page of the status. It has no table."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = "inbox status"
        # The admin sorts by name: the space puts this page first.
        verbose_name_plural = " Inbox status"
