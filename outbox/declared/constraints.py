"""``msgspec.Meta``: limits of a value, which a consumer that reads with the same class enforces, too."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from operator import ge, gt, le, lt
from typing import Annotated, Any

import msgspec
import msgspec.inspect

from outbox.declared.converter import Converter
from outbox.declared.refusal import Refused

_LIMITED = (str, int, float, bytes, list, dict)
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": (">", gt),
    "ge": (">=", ge),
    "lt": ("<", lt),
    "le": ("<=", le),
    "multiple_of": ("that is a multiple of", lambda number, unit: Fraction(number) % Fraction(unit) == 0),
}
_LIMITS = (*_BOUNDS, "pattern", "min_length", "max_length")


def limited(inner: Converter, meta: msgspec.Meta) -> Converter:
    """The converter with the limits of ``meta``. Raises TypeError for a limit that the type cannot have."""
    if all(getattr(meta, name) is None for name in _LIMITS):
        return inner
    for cls in inner.natives - {type(None)} or [Any]:
        _check(cls, meta)
    has_decimal = Decimal in inner.natives

    def convert(value: Any) -> Any:
        written = inner.convert(value)
        wrong = (
            _wrong_decimal(written, meta)
            if has_decimal and isinstance(written, str)
            else _wrong(written, meta)
        )
        if wrong is not None:
            raise Refused(value, f"{wrong} is declared", "Give a value within these limits.")
        return written

    return Converter(inner.label, convert, inner.natives)


def _check(cls: Any, meta: msgspec.Meta) -> None:
    """msgspec has no limits for a Decimal; we compare one as the number that it is."""
    is_of_numbers = all(getattr(meta, name) is None for name in _LIMITS if name not in _BOUNDS)
    if cls is not Decimal or not is_of_numbers:
        msgspec.inspect.type_info(Annotated[cls, meta])


def _wrong(written: Any, meta: msgspec.Meta) -> str | None:
    if not isinstance(written, _LIMITED) or isinstance(written, bool):
        return None
    try:
        msgspec.convert(written, Annotated[type(written), meta])
    except msgspec.ValidationError as error:
        return str(error).replace("`", "").removeprefix("Expected ")
    return None


def _wrong_decimal(written: str, meta: msgspec.Meta) -> str | None:
    try:
        number = Decimal(written)
    except InvalidOperation:  # the value of an Enum, in a union with Decimal
        return None
    for name, (words, holds) in _BOUNDS.items():
        limit = getattr(meta, name)
        if limit is not None and not holds(number, Decimal(str(limit))):
            return f"Decimal {words} {limit}"
    return None
