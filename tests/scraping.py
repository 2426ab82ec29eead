"""Asks the HTTP server of a process: its probes, and its metrics by series."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from contextlib import closing

from tests.waiting import wait_until

SECONDS = 20.0


def value(metrics: str, series: str) -> float | None:
    """The value of a series, such as ``outbox_relay_state{state="standby"}``; None if it is not there."""
    values = [
        line.removeprefix(f"{series} ") for line in metrics.splitlines() if line.startswith(f"{series} ")
    ]
    if not values:
        return None
    (only,) = values
    return float(only)


class Scrape:
    """The server whose address a process has logged. ``log`` is what it has printed so far."""

    def __init__(self, log: Callable[[], str], timeout: float) -> None:
        wait_until(lambda: self._find(log()), timeout, "it serves")

    def _find(self, log: str) -> bool:
        found = re.search(r"at http://127\.0\.0\.1:(\d+)", log)
        self._port = int(found[1]) if found else 0
        return bool(found)

    def status(self, path: str) -> int:
        """The status of a page; 0 if it does not answer in time, as the page of a frozen process."""
        try:
            return self._get(path)[0]
        except OSError:
            return 0

    def __getitem__(self, series: str) -> float | None:
        """The value of a series now; None if it is not there."""
        return value(self._get("/metrics")[1], series)

    def _get(self, path: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)) as client:
            client.request("GET", path)
            response = client.getresponse()
            return response.status, response.read().decode()
