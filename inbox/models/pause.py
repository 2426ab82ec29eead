"""The table of what consumers must not handle until a person resumes it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Pause(models.Model):
    """A consumer, or one topic of it, is paused: new events wait in Kafka, and held ones are not tried again.
    An empty ``topic`` means all of them. The processes of the consumer read it with their heartbeat.
    """

    id = models.BigAutoField(primary_key=True)
    consumer = models.TextField()
    topic = models.TextField(blank=True, default="")
    detail = models.TextField(blank=True, default="")
    who = models.TextField()
    since = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "inbox_pause"
        default_permissions = ()
        permissions: ClassVar = [("pause_consumer", "Can pause and resume consumers and their topics")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["consumer", "topic"], name="inbox_pause_scope")
        ]

    def __str__(self) -> str:
        return (
            f"Topic {self.topic} of consumer {self.consumer}" if self.topic else f"Consumer {self.consumer}"
        )
