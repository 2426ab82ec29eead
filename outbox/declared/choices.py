"""Unions, Literals and Enums: chooses the type, or checks the value."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from outbox.declared.converter import Converter
from outbox.declared.refusal import Refused, never, refuse
from outbox.declared.texts import NONE

Plain = Callable[[Any], Any]


def union_of(arms: list[Converter]) -> Converter:
    native = {cls: arm for arm in reversed(arms) for cls in arm.natives}
    label = " | ".join(arm.label for arm in arms)
    real = [arm for arm in arms if arm is not NONE]

    def convert(value: Any) -> Any:
        arm = native.get(type(value))
        if arm is not None:
            return arm.convert(value)
        wrong = never(value)
        if wrong is not None:
            raise wrong
        if len(real) == 1:
            return real[0].convert(value)
        related = [arm for arm in real if isinstance(value, tuple(arm.natives))]
        for arm in [*related, *real]:
            try:
                return arm.convert(value)
            except Refused:
                continue
        raise refuse(value, label)

    exact = frozenset(cls for cls, arm in native.items() if cls in arm.exact)
    return Converter(label, convert, frozenset(native), exact)


def literal_of(values: tuple[Any, ...], plain: Plain) -> Converter:
    label = f"one of {', '.join(map(repr, values))}"
    written = {(type(value), value): plain(value) for value in values}

    def convert(value: Any) -> Any:
        plain = value.value if isinstance(value, Enum) and (type(value), value) not in written else value
        try:
            return written[(type(plain), plain)]
        except (KeyError, TypeError):
            raise refuse(value, label) from None

    return Converter(label, convert, frozenset(type(value) for value in values))


def enum_of(cls: type[Enum], plain: Plain) -> Converter:
    written = {member: plain(member.value) for member in cls.__members__.values()}

    def convert(value: Any) -> Any:
        if type(value) is not cls:
            value = _member(value)
        try:
            return written[value]
        except KeyError:  # several flags at once
            return plain(value.value)

    def _member(value: Any) -> Any:
        try:
            if never(value) is None and type(value) is not bool:
                return cls(value)
        except (ValueError, TypeError, KeyError):
            pass
        raise refuse(value, cls.__qualname__, f"Give one of {', '.join(cls.__members__)}.")

    return Converter(cls.__qualname__, convert, frozenset({cls}))
