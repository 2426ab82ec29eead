"""Reads something slow, such as a query, in the background, for a scrape or a page."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")
FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 5.0
"""By default, Prometheus waits 10 seconds for a scrape."""
logger = logging.getLogger(__name__)


class Background(Generic[T]):
    """What ``read`` returns, at most ``fresh`` seconds old.

    At most one thread reads, however many callers ask. ``get`` waits until ``patience`` seconds after the
    reading began, and returns None if it takes longer or fails. So no caller waits for a database that hangs.
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
        self._read_at = -inf
        self._began_at = 0.0

    def begin(self) -> threading.Thread | None:
        """Begin to read, unless the last result is fresh or is being read. Returns the thread that reads."""
        with self._lock:
            if self._thread is None and self._clock() >= self._read_at + self._fresh:
                self._began_at = self._clock()
                self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
                self._thread.start()
            return self._thread

    def get(self) -> T | None:
        """The result, read now unless it is fresh."""
        thread = self.begin()
        if thread is not None:
            thread.join(max(0.0, self._began_at + self._patience - self._clock()))
            if thread.is_alive():
                return None
        return self._found

    def latest(self, max_age: float) -> T | None:
        """The last result at once, None if it is older than ``max_age`` seconds. Begins to read the next."""
        self.begin()
        with self._lock:
            return self._found if self._clock() - self._read_at <= max_age else None

    def _run(self) -> None:
        found: T | None = None
        try:
            found = self._read()
        except Exception:
            message = "The figures for metrics or a page could not be read."
            logger.exception(message, extra={"action": "process.metrics_failed"})
        finally:
            with self._lock:
                self._found, self._read_at, self._thread = found, self._clock(), None
