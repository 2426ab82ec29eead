"""The benchmark: what it measures, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from outbox.models import Shard
from relay.bench.backlog import backlog
from relay.bench.bare import bare
from relay.bench.figures import Figures
from relay.bench.ground import Ground
from relay.bench.load import Load
from relay.bench.relaying import relaying
from relay.bench.steady import steady
from relay.conf import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """``shared``: relays are alive, and publish its events. Otherwise it runs one itself. ``size`` is the
    bytes of a payload; it gives up after ``timeout`` seconds. ``say`` is called with what is measured now.
    """

    database: str
    shared: bool
    events: int
    size: int
    keys: int
    partitions: int
    per_second: float
    seconds: float
    timeout: float
    say: Callable[[str], object]

    def run(self) -> Figures:
        """Its events and its topic are removed, whatever happens.

        Raises BenchTimedOut, PublisherUnavailable or TopicRefused.
        """
        ground, before = Ground(self.database, self.timeout), os.getloadavg()[0]
        load = Load(ground.topic.name, self.size, self.keys)
        with ground.prepared(self.partitions, shared=self.shared), ExitStack() as stack:
            self.say("The publisher alone.")
            limit = bare(ground, load, self.events)
            if not self.shared:
                stack.enter_context(relaying(self.database))
            self.say(f"{self.per_second:g} transactions a second for {self.seconds:g} s.")
            emit, arrival = steady(ground, load, self.per_second, self.seconds)
            self.say(f"A backlog of {self.events:,} events.")
            emit_thousand, drain = backlog(ground, load, self.events)
        return Figures(
            events=self.events,
            size=self.size,
            keys=self.keys,
            partitions=self.partitions,
            shards=Shard.objects.using(self.database).count(),
            publisher=settings().publisher.__name__,
            load_before=round(before, 2),
            load_after=round(os.getloadavg()[0], 2),
            emit=emit,
            emit_thousand=emit_thousand,
            arrival=arrival,
            per_second=self.per_second,
            bare=limit,
            drain=drain,
        )
