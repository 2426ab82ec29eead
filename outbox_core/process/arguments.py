"""The argparse types of numbers. It needs no Django, because ``outbox_core.probe`` does not either."""

from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import suppress
from math import isfinite


def amount(text: str) -> float:
    """A finite number."""
    with suppress(ValueError):
        if isfinite(number := float(text)):
            return number
    raise ArgumentTypeError(f"{text!r} is not a number")


def seconds(text: str) -> float:
    """A positive number of seconds."""
    with suppress(ValueError):
        if isfinite(number := float(text)) and number > 0:
            return number
    raise ArgumentTypeError(f"{text!r} is not a positive number of seconds")


def count(text: str) -> int:
    """A positive whole number."""
    with suppress(ValueError):
        if (number := int(text)) > 0:
            return number
    raise ArgumentTypeError(f"{text!r} is not a positive whole number")
