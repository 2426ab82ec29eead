"""Statements that are worth a file of their own, so that each can be read and EXPLAINed alone."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from outbox import tables


def statement(name: str, **numbers: int) -> str:
    """The text of ``outbox/queries/<name>.sql`` with ``{schema}`` and its ``{numbers}`` filled in."""
    text = _text(name).replace("{schema}", tables.qualifier())
    for placeholder, number in numbers.items():
        text = text.replace(f"{{{placeholder}}}", str(int(number)))
    return text


@cache
def _text(name: str) -> str:
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
