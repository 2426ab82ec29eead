"""A converter: from a value of one declared type to what is written as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

NOTHING: frozenset[type] = frozenset()


class Converter(NamedTuple):
    """``convert`` raises Refused. Values whose class is in ``exact`` are written as they are; those in
    ``natives`` belong to this type and to no other arm of a union.
    """

    label: str
    convert: Callable[[Any], Any]
    natives: frozenset[type]
    exact: frozenset[type] = NOTHING
