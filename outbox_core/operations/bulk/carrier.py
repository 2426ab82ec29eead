"""The thread of a relay or consumer that carries operations out. The process itself never waits for it."""

from __future__ import annotations

import os
import socket
import threading
import time
from types import TracebackType
from typing import Self

from django.db import DatabaseError, InterfaceError

from outbox_core.database import own_connection
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.outside import OutsideWork
from outbox_core.operations.bulk.step import LOOK_SECONDS

STOP_SECONDS = 2.0
REST = 2.0


class Carrier:
    """``what`` names the process in the column ``carried_by``. As long as no operation is running, it has no
    connection and asks nothing: the process calls ``notice`` when one is.
    """

    def __init__(self, operations: Operations, using: str, what: str) -> None:
        self._operations = operations
        self._using = using
        self._name = f"{what} {socket.gethostname()}:{os.getpid()}"
        self._noticed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operations", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Begin no more chunks. A chunk that takes too long is rolled back with the process."""
        self._stopped.set()
        self._noticed.set()
        self._thread.join(STOP_SECONDS)

    def notice(self) -> None:
        """Look for operations now. Returns at once; safe in any thread."""
        self._noticed.set()

    def _run(self) -> None:
        while self._noticed.wait() and not self._stopped.is_set():
            self._noticed.clear()
            try:
                with own_connection(self._using):
                    self._carry()
            except (DatabaseError, InterfaceError):
                continue  # the process itself says what is wrong with the database, and calls again

    def _carry(self) -> None:
        """Until no operation is running any more. Others may work on it, or its rate makes it wait."""
        while not self._stopped.is_set() and self._is_any_running():
            self._stopped.wait(self._turn())

    def _is_any_running(self) -> bool:
        return self._operations.is_any_running(self._using)

    def _turn(self) -> float:
        """Do a chunk. Returns the seconds until the next one."""
        return 0.0 if self._operations.carry(self._using, self._name) else LOOK_SECONDS


class OutsideCarrier(Carrier):
    """The thread for operations that work outside of transactions, so that no others wait for them. It rests
    twice as long as it works: the process has better to do.
    """

    def __init__(self, operations: Operations, using: str, what: str) -> None:
        super().__init__(operations, using, what)
        self._work = OutsideWork(operations, using, self._name)

    def _is_any_running(self) -> bool:
        return self._work.is_any_running

    def _carry(self) -> None:
        super()._carry()
        self._work.forget_lost()

    def _turn(self) -> float:
        began = time.monotonic()
        wait = self._work.carry()
        rest = (time.monotonic() - began) * REST
        return LOOK_SECONDS if wait is None else min(max(wait, rest), STOP_SECONDS)  # others may be due
