"""``Annotated[…]``, NewType and type aliases: their types, decimal places and limits."""

from __future__ import annotations

import types
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Union, get_args, get_origin

import msgspec

from outbox.declared.choices import union_of
from outbox.declared.constraints import limited
from outbox.declared.converter import Converter
from outbox.declared.fields import put_in
from outbox.declared.numbers import Places, decimal_of

ConverterOf = Callable[[Any], Converter]


def stands_for(declared: Any) -> Any:
    """The type that a NewType or a type alias gives a name to; None for anything else."""
    if hasattr(declared, "__supertype__"):
        return declared.__supertype__
    if not hasattr(declared, "__value__") or isinstance(declared, type):
        return None
    bound = dict(zip(getattr(declared, "__type_params__", ()), get_args(declared), strict=False))
    return put_in(declared.__value__, bound)


def arms_of(declared: Any) -> tuple[Any, ...]:
    """The types of a union; none for anything else."""
    return get_args(declared) if get_origin(declared) in (Union, types.UnionType) else ()


def annotated(declared: Any, converter_of: ConverterOf) -> Converter:
    """The converter of ``Annotated[T, …]``; ``converter_of`` makes those of all other types. Of several
    ``Places`` the last one counts. Raises TypeError for places or limits that T cannot have.
    """
    places = [extra for extra in declared.__metadata__ if isinstance(extra, Places)]
    inner = declared.__origin__
    converter = _placed(inner, places[-1], converter_of) if places else converter_of(inner)
    return _with_limits(converter, declared)


def _with_limits(converter: Converter, declared: Any) -> Converter:
    for extra in declared.__metadata__:
        if isinstance(extra, msgspec.Meta):
            converter = limited(converter, extra)
    return converter


def _placed(declared: Any, places: Places, converter_of: ConverterOf) -> Converter:
    if declared is Decimal:
        return decimal_of(places.places)
    if not _has_decimal(declared):
        raise TypeError(f"{places} belongs to a Decimal, and not to {declared}")
    if hasattr(declared, "__metadata__"):
        return _with_limits(_placed(declared.__origin__, places, converter_of), declared)
    named = stands_for(declared)
    if named is not None:
        return _placed(named, places, converter_of)
    return union_of(
        [
            _placed(arm, places, converter_of) if _has_decimal(arm) else converter_of(arm)
            for arm in arms_of(declared)
        ]
    )


def _has_decimal(declared: Any) -> bool:
    """Whether it is Decimal, or a union with it, by whatever name and with whatever limits."""
    if hasattr(declared, "__metadata__"):
        return _has_decimal(declared.__origin__)
    named = stands_for(declared)
    return (
        declared is Decimal
        or (named is not None and _has_decimal(named))
        or any(map(_has_decimal, arms_of(declared)))
    )
