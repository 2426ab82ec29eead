"""Reads something slow for a scrape, such as a query: in the background, and for a bounded time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 5.0
"""Prometheus waits 10 seconds for a scrape unless told otherwise."""
logger = logging.getLogger(__name__)


class Background(Generic[T]):
    """What ``read`` returns, at most ``fresh`` seconds old.

    At most one thread reads, whoever asks. ``get`` waits ``patience`` seconds for it, and returns None if it
    takes longer or fails: then nobody waits for a database that hangs.
    """

    def __init__(
        self,
        read: Callable[[], T],
        *,
        fresh: float = FRESH_SECONDS,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._fresh = fresh
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._found: T | None = None
        self._read_at = -fresh

    def get(self) -> T | None:
        """The result, read now unless it is fresh."""
        with self._lock:
            if self._thread is None and self._clock() < self._read_at + self._fresh:
                return self._found
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(self._patience)
        return None if thread.is_alive() else self._found

    def _run(self) -> None:
        found: T | None = None
        try:
            found = self._read()
        except Exception:
            message = "The figures of a scrape could not be read."
            logger.exception(message, extra={"action": "process.metrics_failed"})
        finally:
            with self._lock:
                self._found, self._read_at, self._thread = found, self._clock(), None
