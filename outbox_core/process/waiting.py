"""What a statement waits for, as another session sees it: a lock, or a synchronous standby."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from outbox_core.people.text import line
from outbox_core.sql import Statements

STANDBY = (
    "a statement waits for a synchronous standby. Bring one back that synchronous_standby_names has, "
    "or take it out of that setting"
)
_QUERY = Statements("outbox_core.process")("waiting")  # read now: later it may be able to open no more files


class Waits(NamedTuple):
    """One row of ``waiting.sql``."""

    for_lock: bool
    for_standby: bool
    blocker: int | None
    application: str | None
    state: str | None
    seconds: int | None

    @property
    def is_reason(self) -> bool:
        """Whether it is a lock that another session has, or a standby."""
        return self.for_standby or (self.for_lock and self.blocker is not None)


def look(
    read: Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]], pid: int, *, seconds: float = 0.0
) -> list[Waits]:
    """What the session with this backend pid waits for. Empty if its statement began less than ``seconds``
    ago. ``read`` returns the rows of a statement.
    """
    return [Waits(*row) for row in read(_QUERY, {"pid": pid, "seconds": seconds})]


def blocking(rows: Sequence[Waits]) -> Waits | None:
    """The row that says what it waits for, None if it is neither a lock nor a standby."""
    return next((row for row in rows if row.is_reason), None)


def reason(rows: Sequence[Waits]) -> str:
    """What these rows say, empty if it is neither a lock nor a standby."""
    row = blocking(rows)
    if row is None:
        return ""
    return STANDBY if row.for_standby else f"a statement waits for a lock that {_whose(row)}"


def _whose(row: Waits) -> str:
    if not row.blocker:
        return "a prepared transaction has. Commit it or roll it back: see pg_prepared_xacts"
    known = [line(row.application or "", 40), row.state or ""]
    if row.seconds is not None:
        known.append(f"in its transaction for {row.seconds} s")
    about = ", ".join(each for each in known if each)
    return (
        f"session {row.blocker} has{f' ({about})' if about else ''}. "
        f"If it should not have it, end that session: SELECT pg_terminate_backend({row.blocker})"
    )
