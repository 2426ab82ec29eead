"""Why a value does not fit its field, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.files.base import File
from django.db.models import Manager, Model, QuerySet
from django.utils.datastructures import MultiValueDict
from django.utils.functional import LazyObject, Promise


class Refused(Exception):
    """A value cannot be what is declared. ``path`` leads from the event to it: ``.lines[0].price``."""

    def __init__(self, value: object, reason: str, remedy: str = "", *, has_json_form: bool = True) -> None:
        self.value = value
        self.reason = reason
        self.remedy = remedy
        self.has_json_form = has_json_form
        self.path = ""

    def inside(self, step: str) -> Refused:
        """The same refusal, with the path from one level further out."""
        self.path = step + self.path
        return self

    def __str__(self) -> str:
        return f"{self.path} is a {type(self.value).__qualname__}: {self.reason}. {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class _Kind:
    cls: type | tuple[type, ...]
    what: str
    remedy: str


_NEVER = (
    _Kind(Promise, "lazy text has no value of its own", "Give str(value), in the language that is meant."),
    _Kind(LazyObject, "a lazy object may change its value", "Give the object behind it, or its field."),
    _Kind(Model, "a model instance is not plain data", "Give its primary key, or the fields that matter."),
    _Kind(File, "a file is not plain data", "Give its name or its url."),
    _Kind(
        MultiValueDict,
        "one key of it may have several values",
        "Give dict(value.lists()), or value.dict() for the last of each.",
    ),
    _Kind((QuerySet, Manager), "a query is not data yet", "Give list(…) of its values."),
)


def never(value: object) -> Refused | None:
    """The refusal of a value that no field may hold."""
    for kind in _NEVER:
        if issubclass(type(value), kind.cls):  # isinstance() would ask the object behind a lazy one
            return Refused(value, kind.what, kind.remedy, has_json_form=False)
    if hasattr(type(value), "resolve_expression"):
        return Refused(
            value,
            "an expression gets its value in the database",
            "Save the row first, and give the value that refresh_from_db() reads.",
            has_json_form=False,
        )
    return None


def refuse(value: Any, declared: str, remedy: str = "") -> Refused:
    """The refusal of a value that is not of the declared type."""
    return never(value) or Refused(
        value, f"{declared} is declared", remedy or f"Give a value of type {declared}."
    )
