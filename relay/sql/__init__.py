"""The statements of the hot path, each in a file of its own so that it can be read and EXPLAINed alone."""

from __future__ import annotations

from importlib.resources import files


def statement(name: str) -> str:
    """The text of ``relay/sql/<name>.sql``."""
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
