"""Numbers and truth values: converted where nothing is lost, refused otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any

from outbox.declared.converter import Converter
from outbox.declared.refusal import Refused, refuse

_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,1000}(\.[0-9]{1,1000})?([eE][+-]?[0-9]{1,3})?")
_LONGEST = 1000  # digits in front of or behind the point


@dataclass(frozen=True, slots=True)
class Places:
    """``Annotated[Decimal, outbox.Places(2)]``: always written with so many decimal places.

    A value with more of them, other than zeros, is refused: round it, or give what the row holds.
    """

    places: int

    def __post_init__(self) -> None:
        if type(self.places) is not int or not 0 <= self.places <= 100:
            raise ValueError(f"Places({self.places!r}): give a whole number from 0 to 100.")


def to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise refuse(value, "bool", "Give True or False.")


def to_int(value: Any) -> int:
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is bool:
        raise refuse(value, "int", "Give int(value) for 0 or 1.")
    if issubclass(kind, Enum) and issubclass(kind, int):
        return int(value.value)
    if issubclass(kind, int):
        return int(value)
    if issubclass(kind, str) and _INTEGER.fullmatch(value):
        return int(value)
    if issubclass(kind, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    raise refuse(value, "int", "Give a whole number.")


def to_float(value: Any) -> float:
    kind = type(value)
    if kind is float or issubclass(kind, float):
        if isfinite(value):
            return float(value)
        raise _no_number(value)
    if issubclass(kind, int) and kind is not bool and not issubclass(kind, Enum) and abs(value) <= 2**53:
        return float(value)
    if issubclass(kind, str) and _NUMBER.fullmatch(value) and isfinite(float(value)):
        return float(value)
    raise refuse(value, "float", "Give float(value) if its rounding does no harm.")


def to_decimal(value: Any) -> str:
    """Plain notation with the places that the value has; zero has no sign."""
    number = _decimal(value)
    text = str(number)
    if "E" in text or "e" in text:
        if abs(number.adjusted()) > _LONGEST:
            raise refuse(value, "Decimal", f"Give a number of at most {_LONGEST} digits.")
        text = format(number, "f")
    return text.removeprefix("-") if not number else text


def decimal_of(places: int) -> Converter:
    """Decimals that are always written with ``places`` decimal places."""
    unit = Decimal(1).scaleb(-places)
    label = f"Decimal with {places} places"

    def to_places(value: Any) -> str:
        if type(value) is Decimal and value and value.same_quantum(unit):
            text = str(value)  # plain, unless it is very small
            if "E" not in text:
                return text
        number = _decimal(value)
        if abs(number.adjusted()) > _LONGEST:
            raise refuse(value, label, f"Give a number of at most {_LONGEST} digits.")
        whole, _, fraction = format(number, "f").partition(".")
        if fraction[places:].strip("0"):
            raise refuse(
                value, label, f"It has more places: give round(value, {places}), or the row's value."
            )
        text = f"{whole}.{fraction[:places].ljust(places, '0')}" if places else whole
        return text if number else text.removeprefix("-")

    return Converter(label, to_places, frozenset({Decimal}))


def _decimal(value: Any) -> Decimal:
    kind = type(value)
    if issubclass(kind, Decimal):
        if value.is_finite():
            return Decimal(value)
        raise _no_number(value)
    if issubclass(kind, int) and kind is not bool:
        return Decimal(int(value))
    if issubclass(kind, str) and _NUMBER.fullmatch(value):
        return Decimal(str.__str__(value))
    if issubclass(kind, float):
        if not isfinite(value):
            raise _no_number(value)
        raise refuse(value, "Decimal", "A float is not exact: give Decimal(str(value)), rounded.")
    raise refuse(value, "Decimal", "Give a Decimal, an int, or the text of a number.")


def _no_number(value: object) -> Refused:
    return Refused(
        value,
        "NaN and Infinity are not numbers in JSON",
        "Give a finite number, or None where the field allows it.",
        has_json_form=False,
    )


BOOL = Converter("bool", to_bool, frozenset({bool}), frozenset({bool}))
INT = Converter("int", to_int, frozenset({int}), frozenset({int}))
FLOAT = Converter("float", to_float, frozenset({float}))
DECIMAL = Converter("Decimal", to_decimal, frozenset({Decimal}))
