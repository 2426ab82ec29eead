"""The same captured model in every kind, for the table of write paths."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from outbox import CapturedManager


class Owner(models.Model):
    name = models.CharField(max_length=50, default="")

    def __str__(self) -> str:
        return self.name


class Kind(models.Model):
    """``owner`` is set to NULL and ``holder`` cascades when the owner is deleted."""

    title = models.CharField(max_length=50, default="")
    size = models.IntegerField(default=0)
    owner = models.ForeignKey(Owner, models.SET_NULL, null=True, related_name="%(class)s_owned")
    holder = models.ForeignKey(Owner, models.CASCADE, null=True, related_name="%(class)s_held")

    objects: Any = CapturedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.title


class Plain(Kind):
    pass


class Proxy(Plain):
    class Meta:
        proxy = True
        base_manager_name = "objects"


class Child(Plain):
    """A multi-table child."""

    extra = models.IntegerField(default=0)

    class Meta:
        base_manager_name = "objects"


class UuidKey(Kind):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class TextKey(Kind):
    code = models.CharField(max_length=50, primary_key=True)


class CompositeKey(Kind):
    pk = models.CompositePrimaryKey("tenant", "number")
    tenant = models.IntegerField(default=1)
    number = models.IntegerField()
