"""The same captured model in every kind, for the table of write paths."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

from outbox import CapturedManager


class Owner(models.Model):
    name = models.CharField(max_length=50, default="")

    def __str__(self) -> str:
        return self.name


class Kind(models.Model):
    """``owner`` is set to NULL and ``holder`` cascades when the owner is deleted; so does ``about``."""

    title = models.CharField(max_length=50, default="")
    size = models.IntegerField(default=0)
    owner = models.ForeignKey(Owner, models.SET_NULL, null=True, related_name="%(class)s_owned")
    holder = models.ForeignKey(Owner, models.CASCADE, null=True, related_name="%(class)s_held")
    about_type = models.ForeignKey(
        ContentType, models.CASCADE, null=True, related_name="+", db_constraint=False
    )  # its table comes later
    about_id = models.BigIntegerField(null=True)
    about = GenericForeignKey("about_type", "about_id")

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


class SwappedOut(Kind):
    class Meta:
        base_manager_name = "objects"
        swappable = "TESTS_SWAPPED_IN"


class SwappedIn(Kind):
    """As a project's own user model."""


for kind in (Plain, UuidKey, TextKey, CompositeKey, SwappedIn):
    about = GenericRelation(kind, object_id_field="about_id", content_type_field="about_type")
    Owner.add_to_class(f"{kind.__name__.lower()}_about", about)
