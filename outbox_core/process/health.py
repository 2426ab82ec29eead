"""What a process says of itself over HTTP: ``/live``, ``/ready`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import threading
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from http import HTTPStatus

from outbox_core.metrics import prometheus
from outbox_core.metrics.declared import PROGRESS_AGE, Sample
from outbox_core.people.failure import without_rows
from outbox_core.people.text import line
from outbox_core.probe import MAX_AGE_SECONDS
from outbox_core.process.arguments import seconds
from outbox_core.process.http import Answer, Query, Respond
from outbox_core.process.stopping import Stop


class Health:
    """The health of a process called ``name``. Its loop calls ``progress``.

    ``unready`` says why the process cannot do its work now; empty if it can. ``metrics`` are
    those of the process. Both are set by the command once it knows them.
    """

    def __init__(self, name: str, stop: Stop, clock: Callable[[], float] = time.monotonic) -> None:
        self.unready: Callable[[], str] = lambda: "it is starting"
        self.metrics = prometheus.Metrics()
        self.metrics.read(self._samples, [PROGRESS_AGE])
        self._name = name
        self._stop = stop
        self._clock = clock
        self._progress_at = clock()

    def progress(self) -> None:
        """The loop makes progress."""
        self._progress_at = self._clock()

    @property
    def progress_age(self) -> float:
        """Seconds since the loop last made progress."""
        return self._clock() - self._progress_at

    @property
    def pages(self) -> dict[str, Respond]:
        """The pages by path."""
        return {"/live": self._live, "/ready": self._ready, "/metrics": self._metrics}

    def _samples(self) -> Iterator[Sample]:
        yield Sample(PROGRESS_AGE, self.progress_age)

    async def _live(self, query: Query) -> Answer:
        try:
            max_age = seconds(query.get("max-age", [str(MAX_AGE_SECONDS)])[-1])
        except ArgumentTypeError as error:
            return Answer(HTTPStatus.BAD_REQUEST, f"max-age: {error}\n".encode())
        age = self.progress_age
        if age > max_age:
            return self._no(f"has made no progress for {age:.0f} s, more than {max_age:g} s.")
        return self._yes("alive")

    async def _ready(self, query: Query) -> Answer:
        why = "it stops" if self._stop.requested else self.unready()
        return self._no(f"not ready: {line(without_rows(why))}") if why else self._yes("ready")

    async def _metrics(self, query: Query) -> Answer:
        return Answer(HTTPStatus.OK, await _in_thread(self.metrics.text), prometheus.CONTENT_TYPE)

    def _yes(self, text: str) -> Answer:
        return Answer(HTTPStatus.OK, f"{self._name}: {text}\n".encode())

    def _no(self, text: str) -> Answer:
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{self._name}: {text}\n".encode())


async def _in_thread(read: Callable[[], bytes]) -> bytes:
    """What ``read`` returns. The end of the process waits for the threads of asyncio.to_thread(), but not for
    this one.
    """
    found = Future[bytes]()
    found.set_running_or_notify_cancel()

    def run() -> None:
        try:
            found.set_result(read())
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=run, name="metrics page", daemon=True).start()
    return await asyncio.wrap_future(found)
