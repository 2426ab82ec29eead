"""Background jobs of a relay, in a thread and on a connection of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from django.db import DatabaseError, InterfaceError

from outbox_core.database import own_connection

EVERY_SECONDS = 15.0


class BackgroundJobs:
    """Runs ``jobs`` every few seconds. Each job decides whether it is due. Sending never waits for them."""

    def __init__(
        self, alias: str, jobs: Sequence[Callable[[], object]], every: float = EVERY_SECONDS
    ) -> None:
        self._alias = alias
        self._jobs = jobs
        self._every = every
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="relay-background", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more. Does not wait for the job that runs."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                with own_connection(self._alias):
                    for job in self._jobs:
                        job()
            except (DatabaseError, InterfaceError):
                continue  # the relay itself says what is wrong with the database
