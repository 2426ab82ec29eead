"""Writes purchases with several writers at once."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.db import connection

from shop.purchases import process
from shop.purchases.tally import Tally
from shop.purchases.throttle import Throttle
from shop.purchases.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.purchases.outstanding import Outstanding

TICK = 0.1


@dataclass(frozen=True, slots=True)
class Terms:
    """The share of purchases declined at first, and how many to write a second (None: all it can)."""

    declined: float = 0.1
    seed: int = 0
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """Several writers at once, each with customers of its own."""

    terms: Terms = field(default_factory=Terms)
    writers: int = 4
    shared: process.Shared = field(default_factory=process.Shared.new)

    def stop(self) -> None:
        """Let each writer finish its current purchase, and stop."""
        self.shared.stop.set()

    def run(self, outstanding: Outstanding, progress: Callable[[int], object]) -> Tally:
        """Write the outstanding purchases and return what was written. ``progress`` gets each step.

        A single writer works here, several in a process each. Raises what a writer raises, once all are done.
        """
        shares = outstanding.shares(self.writers)
        if len(shares) <= 1:
            return sum((write(share, self.terms, self.shared, progress) for share in shares), Tally())
        terms = replace(self.terms, rate=self.terms.rate and self.terms.rate / len(shares))
        start = (process.start, (connection.settings_dict["NAME"], self.shared))
        with ProcessPoolExecutor(len(shares), process.CONTEXT, *start) as pool:
            writers = [pool.submit(write_in_process, share, terms) for share in shares]
            self._watch(writers, progress)
            return sum((writer.result() for writer in writers), Tally())

    def _watch(self, writers: list[Future[Tally]], progress: Callable[[int], object]) -> None:
        seen, running = 0, set(writers)
        while running:
            done, running = wait(running, timeout=TICK, return_when=FIRST_EXCEPTION)
            if any(writer.exception() for writer in done):
                self.stop()
            progress(self.shared.written.value - seen)
            seen = self.shared.written.value


def write(
    share: Outstanding, terms: Terms, shared: process.Shared, progress: Callable[[int], object] | None = None
) -> Tally:
    """Write one share, purchase by purchase, until it is done or the replay is stopped."""
    throttle = Throttle(terms.rate, sleep=shared.stop.wait)
    writer = Writer(terms.declined, terms.seed, share.customers, throttle)
    for _ in writer.write(share.purchases):
        if progress is not None:
            progress(1)
        if not shared.count():
            break
    return writer.tally


def write_in_process(share: Outstanding, terms: Terms) -> Tally:
    return write(share, terms, process.shared)
