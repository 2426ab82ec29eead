"""Finds out what a statement of the relay waits for, while it waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from threading import Thread

import psycopg

from outbox_core.process import waiting
from relay.cluster.coordinator import Coordinator
from relay.condition import Cause, Condition, State
from relay.errors import NotPrimary
from relay.log.session import Session

LOOK_SECONDS = 5.0


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
            self._found = waiting.reason(waiting.look(session.read, pid))
            if self._found and self._is_late():
                self._condition.enter(State.DEGRADED, Cause.POSTGRESQL, self._found)
                self._coordinator(session).beat(self._condition.state, self._condition.detail, now=True)
