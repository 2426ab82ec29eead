"""SQL statements in files, so that each can be read and EXPLAINed alone."""

from __future__ import annotations

from outbox.log import tables
from outbox_core.sql import Statements

text = Statements(__name__)


def statement(name: str, **numbers: int) -> str:
    """The text of ``outbox/sql/<name>.sql`` with ``{schema}`` and its ``{numbers}`` filled in."""
    return text(name, **numbers).replace("{schema}", tables.qualifier())
