"""One model for every way in which a model can be related to another."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils.functional import cached_property

from outbox import CapturedManager, CapturedQuerySet
from tests.testapp.fields import Coded, Contact, Letterbox, Listing
from tests.testapp.kinds import (
    Child,
    CompositeKey,
    Owner,
    Plain,
    Proxy,
    SwappedIn,
    SwappedOut,
    TextKey,
    UuidKey,
)

__all__ = [
    "Child",
    "Coded",
    "CompositeKey",
    "Contact",
    "Letterbox",
    "Listing",
    "Owner",
    "Plain",
    "Proxy",
    "SwappedIn",
    "SwappedOut",
    "TextKey",
    "UuidKey",
]


class Tag(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Parcel(models.Model):
    """The concrete parent of a multi-table child and of a proxy."""

    code = models.CharField(max_length=50, unique=True)
    weight = models.IntegerField(default=0)
    tags = models.ManyToManyField(Tag)

    objects = CapturedManager["Parcel"]()

    def __str__(self) -> str:
        return self.code


class ExpressParcel(Parcel):
    sender = models.CharField(max_length=50, default="")


class TrackedParcel(Parcel):
    class Meta:
        proxy = True


class Stamp(models.Model):
    """Deleted with its parcel; its manager is Django's own."""

    parcel = models.ForeignKey(Parcel, models.CASCADE, related_name="stamps", null=True)
    value = models.IntegerField(default=0)

    def __str__(self) -> str:
        return str(self.value)


class Document(models.Model):
    title = models.CharField(max_length=50, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title


class Invoice(Document):
    amount = models.IntegerField(default=0)


class Letter(Document):
    pass


class RegisteredLetter(Letter):
    number = models.IntegerField(default=0)


class Ledger(models.Model):
    """A model with its own save() and save_base()."""

    name = models.CharField(max_length=50)
    saves = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: Any) -> None:
        self.name = self.name.upper()
        super().save(**kwargs)

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        self.saves += 1
        super().save_base(*args, **kwargs)


class Price(models.Model):
    """Fields whose stored value can differ from the one that was assigned."""

    name = models.CharField(max_length=50, default="")
    amount = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    count = models.IntegerField(default=0)
    day = models.DateField(null=True)
    parcel = models.ForeignKey(Parcel, models.SET_NULL, null=True, related_name="prices")
    double = models.GeneratedField(
        expression=models.F("count") * 2, output_field=models.IntegerField(), db_persist=True
    )
    source = models.CharField(max_length=50, db_default="database")
    changed_at = models.DateTimeField(auto_now=True)
    valid_from = models.DateTimeField(null=True)
    factor = models.FloatField(default=1.0)
    rules = models.JSONField(default=dict)

    objects = CapturedManager["Price"]()

    def __str__(self) -> str:
        return self.name

    @cached_property
    def label(self) -> str:
        return f"{self.name}: {self.amount}"


class SpecialPrice(Price):
    reason = models.CharField(max_length=50, default="")


class ShownManager(CapturedManager["Page"]):
    def get_queryset(self) -> CapturedQuerySet[Page]:
        return super().get_queryset().filter(hidden=False)


class Page(models.Model):
    """Its managers do not show all rows, and PostgreSQL gives its primary key."""

    id = models.UUIDField(primary_key=True, db_default=RandomUUID())
    title = models.CharField(max_length=50)
    hidden = models.BooleanField(default=False)

    objects = ShownManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.title
