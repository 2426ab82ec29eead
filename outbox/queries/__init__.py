"""Statements that are worth a file of their own, so that each can be read and EXPLAINed alone."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from outbox import tables


def statement(name: str, **numbers: int) -> str:
    """The text of ``outbox/queries/<name>.sql`` with ``{schema}`` and its ``{numbers}`` filled in."""
    filled = text(name).replace("{schema}", tables.qualifier())
    for placeholder, number in numbers.items():
        filled = filled.replace(f"{{{placeholder}}}", str(int(number)))
    return filled


@cache
def text(name: str) -> str:
    """The text of ``outbox/queries/<name>.sql`` as it is."""
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
