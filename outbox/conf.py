"""The settings of the outbox, ``OUTBOX`` in Django's settings, and the reader of such a dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import msgspec
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """``source`` is the CloudEvents source of every event, a URI reference; it alone is required.

    ``topic_prefix`` goes before the topic of every event. ``schema`` names the PostgreSQL schema of the
    outbox for writers whose search_path changes (one schema a tenant); empty: found on the search_path, like
    every table of Django. ``max_serialized_keys`` bounds the advisory locks that one transaction may take for
    ``serialize=True``. ``retention_days`` is how long published events are kept. ``redact`` adds
    names whose values the admin hides. ``allow_control_characters`` lets keys and subjects have characters
    that no reader can see.
    """

    source: Annotated[str, msgspec.Meta(pattern=r"^\S+$")]
    max_event_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    topic_prefix: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]*$")] = ""
    schema: Annotated[str, msgspec.Meta(pattern=r'^[^"\x00]*$', max_length=63)] = ""
    max_serialized_keys: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    retention_days: Annotated[int, msgspec.Meta(ge=0)] = 7
    redact: tuple[str, ...] = ()
    allow_control_characters: bool = False


@cache
def settings() -> OutboxSettings:
    """Django's ``OUTBOX``; raises ImproperlyConfigured for a missing, unknown or mistyped key."""
    return read(OutboxSettings, "OUTBOX")


def read(into: type[T], name: str) -> T:
    """A dict of Django's settings as a dataclass: ``{"MAX_BYTES": 1}`` becomes ``into(max_bytes=1)``.

    Raises ImproperlyConfigured that names every problem at once.
    """
    found = problems(into, name)
    if found:
        raise ImproperlyConfigured(
            " ".join(f"{problem.msg} {problem.hint or ''}".strip() for problem in found)
        )
    return into(**_values(into, name))


def problems(into: type[DataclassInstance], name: str) -> list[CheckMessage]:
    """What is wrong with a dict of Django's settings, as messages ``<name>.E001`` to ``E004`` of a check."""
    given = getattr(django_settings, name, {})
    if not isinstance(given, Mapping):
        return [_error(name, 2, f"{name} is a {type(given).__name__}; it has to be a dict.")]
    found = [*_unknown(into, name, given), *_missing(into, name, given), *_mistyped(into, name, given)]
    if not found:
        try:
            into(**_values(into, name))
        except ValueError as error:
            found.append(_error(name, 4, f"{name}: {error}"))
    return found


def _values(into: type[DataclassInstance], name: str) -> dict[str, Any]:
    given = getattr(django_settings, name, {})
    hints = get_type_hints(into, include_extras=True)
    return {
        each.name: msgspec.convert(given[_key(each)], hints[each.name])
        for each in fields(into)
        if _key(each) in given
    }


def _unknown(into: type[DataclassInstance], name: str, given: Mapping[Any, Any]) -> Iterator[CheckMessage]:
    known = [_key(each) for each in fields(into)]
    for key in given:
        if key not in known:
            close = get_close_matches(str(key).upper(), known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(known)}."
            yield _error(name, 1, f"{name} has an unknown setting {key!r}.", hint)


def _missing(into: type[DataclassInstance], name: str, given: Mapping[Any, Any]) -> Iterator[CheckMessage]:
    for each in fields(into):
        if each.default is MISSING and each.default_factory is MISSING and _key(each) not in given:
            yield _error(name, 3, f"{name} lacks {_key(each)!r}.", f"Set {name} = {{{_key(each)!r}: …}}.")


def _mistyped(into: type[DataclassInstance], name: str, given: Mapping[Any, Any]) -> Iterator[CheckMessage]:
    hints = get_type_hints(into, include_extras=True)
    for each in fields(into):
        if _key(each) in given:
            try:
                msgspec.convert(given[_key(each)], hints[each.name])
            except msgspec.ValidationError as error:
                yield _error(name, 2, f"{name}[{_key(each)!r}] = {given[_key(each)]!r}: {error}.")


def _key(field: Field[Any]) -> str:
    return field.name.upper()


def _error(name: str, number: int, message: str, hint: str | None = None) -> Error:
    return Error(message, hint=hint, id=f"{name.lower()}.E{number:03}")


@receiver(setting_changed)
def _forget(*, setting: str, **_: object) -> None:
    if setting == "OUTBOX":
        settings.cache_clear()
