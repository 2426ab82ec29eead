"""The statements of the hot path, each in a file of its own, to be read and EXPLAINed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The SQL in ``name``.sql."""
    return files(__package__).joinpath(f"{name}.sql").read_text()
