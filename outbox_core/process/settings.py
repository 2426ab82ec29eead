"""Reads a dict of Django's settings into a frozen dataclass, and reports all its problems.

``{"MAX_BYTES": 1}`` becomes ``Settings(max_bytes=1)``. A field whose type is a dataclass is a dict in the
dict. A field whose type is a mapping to dataclasses is a dict of such dicts by name; a ``FROM_NAME`` field of
these gets the name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from outbox_core.suggestion import did_you_mean

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

A_DAY = 86_400
Seconds = Annotated[float, msgspec.Meta(gt=0, le=A_DAY)]
"""Of a field. Longer times are mistakes, and PostgreSQL and clients do not take all of them."""
FROM_NAME = {"from_name": True}
"""Metadata of a field."""
UNKNOWN, MISTYPED, LACKING, REFUSED = 1, 2, 3, 4
_IN_PYTHON = (("`array`", "a list"), ("`object`", "a dict"))


def read(into: type[T], name: str) -> T:
    """Django's setting ``name``. Raises ImproperlyConfigured that names every problem at once."""
    reader = _Reader(name)
    value = reader.dataclass(into, name, getattr(django_settings, name, {}))
    if value is None:
        raise ImproperlyConfigured(in_one_line(reader.problems))
    return value


def problems(into: type[DataclassInstance], name: str) -> list[CheckMessage]:
    """The problems of Django's setting ``name``, as messages of a check: ``<name>.E001`` an unknown key,
    ``E002`` a wrong type or value, ``E003`` a missing key, ``E004`` values that do not fit each other.
    """
    reader = _Reader(name)
    reader.dataclass(into, name, getattr(django_settings, name, {}))
    return reader.problems


def in_one_line(found: list[CheckMessage]) -> str:
    """The messages of a check and their hints."""
    return " ".join(f"{problem.msg} {problem.hint or ''}".strip() for problem in found)


def forget_on_change(cached: Any, *names: str) -> None:
    """Clear a cached function when one of these settings is overridden, as tests do."""

    def forget(*, setting: str, **_: object) -> None:
        if setting in names:
            cached.cache_clear()

    setting_changed.connect(forget, weak=False)


class _Reader:
    """Collects the problems of one setting."""

    def __init__(self, name: str) -> None:
        self.problems: list[CheckMessage] = []
        self._name = name.lower()

    def dataclass(self, into: type[T], where: str, given: object, name: str = "") -> T | None:
        """None if there is a problem."""
        if not isinstance(given, Mapping):
            self._note(MISTYPED, f"{where} is a {type(given).__name__}; it must be a dict.")
            return None
        before = len(self.problems)
        known = {field.name.upper(): field for field in fields(into) if not field.metadata.get("from_name")}
        self._note_unknown(where, given, known)
        values = dict(self._values(into, where, given, known))
        values |= {field.name: name for field in fields(into) if field.metadata.get("from_name")}
        if len(self.problems) > before:
            return None
        try:
            return into(**values)
        except ValueError as error:
            self._note(REFUSED, f"{where}: {error}")
            return None

    def _note_unknown(self, where: str, given: Mapping[Any, Any], known: Iterable[str]) -> None:
        for key in given:
            if key not in known:
                hint = did_you_mean(str(key), known) or f"Known are {', '.join(known)}."
                self._note(UNKNOWN, f"{where} has an unknown setting {key!r}.", hint)

    def _values(
        self, into: type[T], where: str, given: Mapping[Any, Any], known: Mapping[str, Field[Any]]
    ) -> Iterator[tuple[str, Any]]:
        hints = get_type_hints(into, include_extras=True)
        for key, field in known.items():
            if key in given:
                yield field.name, self._value(hints[field.name], f'{where}["{key}"]', given[key])
            elif field.default is MISSING and field.default_factory is MISSING:
                self._note(LACKING, f'{where} has no "{key}".', f'Set {where} = {{"{key}": …}}.')

    def _value(self, hint: Any, where: str, given: Any) -> Any:
        if is_dataclass(hint):
            return self.dataclass(hint, where, given)  # type: ignore[arg-type]
        if is_dataclass(inner := _values_of(hint)) and isinstance(given, Mapping):
            return {
                str(name): self.dataclass(inner, f'{where}["{name}"]', each, str(name))  # type: ignore[arg-type]
                for name, each in given.items()
            }
        try:
            value = msgspec.convert(given, Mapping if is_dataclass(inner) else hint)
        except msgspec.ValidationError as error:
            self._note(MISTYPED, f"{where}{_shown(given)}: {_in_python(error)}.")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._note(MISTYPED, f"{where}{_shown(given)}: expected a finite number.")
        return value

    def _note(self, number: int, message: str, hint: str | None = None) -> None:
        self.problems.append(Error(message, hint=hint, id=f"{self._name}.E{number:03}"))


def _values_of(hint: Any) -> Any:
    """The type of a mapping's values. None if it is not a mapping."""
    return get_args(hint)[1] if get_origin(hint) in (Mapping, dict) else None


def _shown(given: object) -> str:
    """Does not show containers, because they may hold a password."""
    return f" = {given!r}" if isinstance(given, (str, int, float, bool, type(None))) else ""


def _in_python(error: msgspec.ValidationError) -> str:
    text = str(error)
    for name, python in _IN_PYTHON:
        text = text.replace(name, python)
    return text
