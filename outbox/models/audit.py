"""How far a continuous audit has proved that Kafka has every published event."""

from __future__ import annotations

from django.db import models


class ContinuousAudit(models.Model):
    """One row. ``owner`` is the process that compares, until ``lease_until``; ``auditor`` is its name.

    Everything that was published before ``until``, of events created since ``since``, is in Kafka with equal
    bytes. At ``compared_at`` both sides were read completely for the last time. ``differences`` counts what
    was found then or since, ``first`` is the first difference with its remedy, and ``found_at`` when it was
    found. ``trouble`` is why nothing can be compared now.
    """

    id = models.SmallIntegerField(primary_key=True)
    owner = models.UUIDField(null=True)
    auditor = models.TextField(default="")
    lease_until = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    compared_at = models.DateTimeField(null=True)
    differences = models.BigIntegerField(default=0)
    first = models.JSONField(null=True)
    found_at = models.DateTimeField(null=True)
    trouble = models.TextField(default="")

    class Meta:
        db_table = "outbox_audit"
        default_permissions = ()

    def __str__(self) -> str:
        return f"proved up to {self.until}"
