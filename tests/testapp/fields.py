"""A model whose fields keep something else than what the column holds, as those of some packages do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models.expressions import Col

from outbox import CapturedManager


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


class Once(Converts):
    """A descriptor that takes one value; only a method of the model may change it later."""

    def __set__(self, instance: Any, value: Any) -> None:
        if self.name in instance.__dict__:
            raise AttributeError(f"{self.name} cannot be assigned")
        instance.__dict__[self.name] = value


class AlsoHeading(Converts):
    """A descriptor that gives its value to another field too, as a text to the field of its language."""

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.name] = instance.__dict__["heading"] = value


class NumberField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = Converts

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else str(value)


class ElsewhereField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = KeepsElsewhere


class OnceField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = Once


class TitleField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = AlsoHeading


class Contact(models.Model):
    phone = NumberField(max_length=20, default="")
    nickname = ElsewhereField(max_length=20, default="")
    state = OnceField(max_length=20, default="new")
    title = TitleField(max_length=20, default="")
    heading = models.CharField(max_length=20, default="")

    def __str__(self) -> str:
        return str(self.phone)

    def pay(self) -> None:
        self.__dict__["state"] = "paid"


class Unsealed(Col):
    def as_sql(self, compiler: Any, connection: Any) -> Any:
        statement, parameters = super().as_sql(compiler, connection)
        return f"reverse({statement})", parameters


class SealedField(models.TextField):  # type: ignore[type-arg]
    """Encrypted by PostgreSQL: what is stored is not what is read, as in django-pgcrypto-fields."""

    def get_placeholder(self, value: object, compiler: object, connection: object) -> str:
        return "reverse(%s)"

    def get_placeholder_sql(self, value: object, compiler: object, connection: object) -> Any:  # Django 6.1
        return "reverse(%s)", (value,)

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        return Unsealed(alias, self, output_field or self)

    @property
    def cached_col(self) -> Col:
        return self.get_col(self.model._meta.db_table)


class Letterbox(models.Model):
    number = models.IntegerField(default=0)
    secret = SealedField()

    objects = CapturedManager["Letterbox"]()

    def __str__(self) -> str:
        return str(self.number)


class CodeField(models.IntegerField):  # type: ignore[type-arg]
    """``"c7"`` here is 7 in the database; it has no ``to_python``."""

    def from_db_value(self, value: Any, expression: object, connection: object) -> Any:
        return value if value is None else f"c{value}"

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else int(str(value).removeprefix("c"))


class Coded(models.Model):
    code = CodeField(primary_key=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2, default=0)

    objects = CapturedManager["Coded"]()

    def __str__(self) -> str:
        return str(self.code)


class Listing(models.Model):
    """A view with rules that do not know RETURNING: its tests create it."""

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=20, default="")

    class Meta:
        managed = False
        db_table = "testapp_listing"

    def __str__(self) -> str:
        return self.name
