"""Finds out what a statement of the relay waits for, while it waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from threading import Thread
from typing import NamedTuple

import psycopg

from outbox_core.people.text import line
from relay.cluster.coordinator import Coordinator
from relay.condition import Cause, Condition, State
from relay.errors import NotPrimary
from relay.log.session import Session

LOOK_SECONDS = 5.0
STANDBY = (
    "a statement waits for a synchronous standby. Bring one back that synchronous_standby_names has, "
    "or take it out of that setting"
)


class Waits(NamedTuple):
    """One row of ``relay/sql/log/waiting.sql``."""

    for_lock: bool
    for_standby: bool
    blocker: int | None
    application: str | None
    state: str | None
    seconds: int | None


class Waiting:
    """Looks from a session of its own what a statement waits for, while the loop ``is_late``. If it finds
    something, the relay is degraded, and its heartbeat, which the loop cannot write now, says why.

    Behind a pooler it finds nothing: there the relay does not know which server process has its statement.
    """

    def __init__(
        self,
        alias: str,
        condition: Condition,
        coordinator: Callable[[Session], Coordinator],
        is_late: Callable[[], bool],
    ) -> None:
        self._alias = alias
        self._condition = condition
        self._coordinator = coordinator
        self._is_late = is_late
        self._found = ""
        self._thread: Thread | None = None

    @property
    def reason(self) -> str:
        """What the statement that has just failed waited for, empty if that is not known."""
        return self._found if self._is_late() else ""

    def look(self, session: Session | None) -> None:
        """Look what this session waits for, in a thread."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._found = ""
        if session is not None and session.pid:
            self._thread = Thread(target=self._look, args=[session.pid], name="relay-waiting", daemon=True)
            with suppress(RuntimeError):  # no thread can be started; the watchdog needs its own
                self._thread.start()

    def _look(self, pid: int) -> None:
        with (
            suppress(psycopg.Error, NotPrimary),
            closing(Session(self._alias, statement_seconds=LOOK_SECONDS)) as session,
        ):
            session.commit_locally()
            self._found = reason([Waits(*row) for row in session.fetch("log/waiting", {"pid": pid})])
            if self._found and self._is_late():
                self._condition.enter(State.DEGRADED, Cause.POSTGRESQL, self._found)
                self._coordinator(session).beat(self._condition.state, self._condition.detail, now=True)


def reason(rows: list[Waits]) -> str:
    """What these rows say, empty if it is neither a lock nor a standby."""
    for row in rows:
        if row.for_standby:
            return STANDBY
        if row.for_lock and row.blocker is not None:
            return f"a statement waits for a lock that {_whose(row)}"
    return ""


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
