"""A model whose fields keep something else than what the column holds, as those of some packages do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models


@dataclass(frozen=True)
class Number:
    text: str

    @property
    def dialled(self) -> str:
        return f"+{self.text}"

    def __str__(self) -> str:
        return self.text


class Converts:
    """A descriptor that makes a Number of whatever is assigned."""

    def __init__(self, field: Any) -> None:
        self.name = field.attname

    def __get__(self, instance: Any, owner: object = None) -> Any:
        return self if instance is None else instance.__dict__[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.name] = Number(value) if isinstance(value, str) else value


class KeepsElsewhere(Converts):
    """A descriptor that keeps the value under a name of its own."""

    def __get__(self, instance: Any, owner: object = None) -> Any:
        return self if instance is None else instance.__dict__[f"_{self.name}"]

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[f"_{self.name}"] = value


class NumberField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = Converts

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else str(value)


class ElsewhereField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = KeepsElsewhere


class Contact(models.Model):
    phone = NumberField(max_length=20, default="")
    nickname = ElsewhereField(max_length=20, default="")

    def __str__(self) -> str:
        return str(self.phone)


class Listing(models.Model):
    """A view with rules that do not know RETURNING: its tests create it."""

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=20, default="")

    class Meta:
        managed = False
        db_table = "testapp_listing"

    def __str__(self) -> str:
        return self.name
