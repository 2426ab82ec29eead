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
    union = _Union(arms)
    exact = frozenset(cls for cls, own in union.native.items() if cls in own[0].exact)
    return Converter(union.label, union.convert, frozenset(union.native), exact)


class _Union:
    """Chooses the arm that a value belongs to: that of its own class, otherwise the first that takes it."""

    def __init__(self, arms: list[Converter]) -> None:
        self.label = " | ".join(arm.label for arm in arms)
        self.native: dict[type, list[Converter]] = {}
        for arm in arms:
            for cls in arm.natives:
                self.native.setdefault(cls, []).append(arm)
        self._real = [arm for arm in arms if arm is not NONE]
        self._is_single = len(arms) == 1

    def convert(self, value: Any) -> Any:
        own = self.native.get(type(value))
        if own is not None:
            return own[0].convert(value) if self._is_single and len(own) == 1 else self._by_class(value, own)
        wrong = never(value)
        if wrong is not None:
            raise wrong
        if len(self._real) == 1:
            return self._real[0].convert(value)
        preferred = [arm for arm in self._real if isinstance(value, tuple(arm.natives))]
        return self._first(value, [*preferred, *self._others(preferred)])

    def _by_class(self, value: Any, own: list[Converter]) -> Any:
        if len(own) > 1:
            return self._unchanged(value, own)
        try:
            return own[0].convert(value)
        except Refused as refused:
            return self._first(value, self._others(own), refused)

    def _unchanged(self, value: Any, own: list[Converter]) -> Any:
        """By the first arm that takes the value as it is; otherwise by the first that takes it."""
        taken = []
        for arm in own:
            try:
                converted = arm.convert(value)
            except Refused:
                continue
            if repr(converted) == repr(_as_list(value)):
                return converted
            taken.append(converted)
        return taken[0] if taken else self._first(value, self._others(own))

    def _others(self, arms: list[Converter]) -> list[Converter]:
        """The arms that were not tried yet. Each is tried once, because its parts may be unions, too."""
        return [arm for arm in self._real if not any(arm is asked for asked in arms)]

    def _first(self, value: Any, arms: list[Converter], refused: Refused | None = None) -> Any:
        for arm in arms:
            try:
                return arm.convert(value)
            except Refused:
                continue
        raise refused or refuse(value, self.label)


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def literal_of(values: tuple[Any, ...], plain: Plain) -> Converter:
    label = f"one of {', '.join(map(repr, values))}"
    written = {(type(value), value): _plain(plain, value) for value in values}

    def convert(value: Any) -> Any:
        plain = value.value if isinstance(value, Enum) and (type(value), value) not in written else value
        try:
            return written[(type(plain), plain)]
        except (KeyError, TypeError):
            raise refuse(value, label, f"Give {label}.") from None

    return Converter(label, convert, frozenset(type(value) for value in values))


def enum_of(cls: type[Enum], plain: Plain) -> Converter:
    written = {member: _plain(plain, member) for member in cls.__members__.values()}

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


def _plain(plain: Plain, value: Any) -> Any:
    try:
        return plain(value.value if isinstance(value, Enum) else value)
    except Refused as refused:
        raise TypeError(f"the value of {value} is no plain data: {refused.reason}") from None
