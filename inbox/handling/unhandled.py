"""Counts the events without a handler, so that a misspelt type is noticed, and the skipped replays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from difflib import get_close_matches

from django.db import transaction

from inbox.conf import ConsumerSettings
from inbox.database import UNAVAILABLE, reconnect
from inbox.handling.registry import EVERY
from inbox.models import Unhandled
from inbox.signals import replay_skipped, type_unhandled
from outbox_core.wire.event import Event

ALIKE = 0.92
LONGEST = 200
MOST_REPLAYS = 100
"""The most replay ids that are signalled: another producer may give each event a replay id of its own."""
REPLAYED = " (replay)"
"""Text after the type of replayed events in the counts."""


class UnhandledTypes:
    """Counts by type, and signals once for each type. ``write`` stores the counts."""

    def __init__(
        self,
        consumer: ConsumerSettings,
        database: str,
        handled: Collection[str],
        clock: Callable[[], float],
        every: float,
    ) -> None:
        self._consumer = consumer
        self._database = database
        self._handled = handled
        self._clock = clock
        self._every = every
        self._write_at = clock()
        self._counts: Counter[str] = Counter()
        self._known: set[str] = set()
        self._replays: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Count an event without a handler, or a replayed one that no handler takes."""
        if self._consumer.ignores(event.type):
            return
        if event.replay and not {event.type, EVERY}.isdisjoint(self._handled):
            self._skip_replay(event)
            return
        self._counts[event.type[:LONGEST]] += 1
        if event.type not in self._known:
            self._known.add(event.type)
            self._write_at = self._clock()
            near = alike(event.type, self._handled)
            type_unhandled.send(self._consumer.name, event=event, alike=near)

    def _skip_replay(self, event: Event) -> None:
        self._counts[f"{event.type[:LONGEST]}{REPLAYED}"] += 1
        if event.replay_id not in self._replays and len(self._replays) < MOST_REPLAYS:
            self._replays.add(event.replay_id)
            replay_skipped.send(self._consumer.name, event=event)

    def write(self, *, now: bool = False) -> None:
        """Store new counts if it is time. If the database does not answer, try again later."""
        if self._counts and (now or self._clock() >= self._write_at):
            self._write_at = self._clock() + self._every
            try:
                with transaction.atomic(using=self._database):
                    Unhandled.objects.db_manager(self._database).add(self._consumer.name, self._counts)
            except UNAVAILABLE as error:
                reconnect(self._database, error)
            else:
                self._counts.clear()


def alike(type_: str, handled: Collection[str]) -> str:
    """A handled type with a similar name; empty if there is none."""
    return next(iter(get_close_matches(type_, handled, n=1, cutoff=ALIKE)), "")
