"""Releasing the holds of one shard that are due: their events are published in order, then the hold ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from outbox.models import Hold
from outbox_core.process.backoff import Backoff
from outbox_core.process.clock import boottime
from outbox_core.wire.encode import Record, Row
from relay.context import Context
from relay.errors import PublisherUnavailable
from relay.holds.table import Holds, Release
from relay.log.checkpoint import Checkpoints
from relay.publishers.base import Failure, Outcome, Trouble
from relay.shard.in_flight import tally

ROUND_SECONDS = 0.25


class HoldReleases:
    """Releases the due holds of one shard, in rounds through all of them. ``deliver`` sends records, and
    raises PublisherUnavailable in an outage.
    """

    def __init__(
        self,
        context: Context,
        holds: Holds,
        checkpoints: Checkpoints,
        deliver: Callable[[Sequence[Record]], list[Outcome]],
    ) -> None:
        self.backoff = Backoff(context.settings.backoff_seconds)
        self._context = context
        self._holds = holds
        self._checkpoints = checkpoints
        self._deliver = deliver
        self._after = 0
        self._is_clean = True
        self._is_busy = False
        self._most: dict[int, int] = {}
        """For each hold, how many events to try at once while a refused one is being isolated."""

    @property
    def has_begun(self) -> bool:
        """Whether a round is not over, or the last one had failures."""
        return bool(self._after or self._most or self.backoff.trouble)

    def turn(self) -> bool:
        """Publish a page of each hold that is due, and end holds without events. Returns whether there may be
        more to do.

        New events wait meanwhile, so it stops early and continues in the next turn. An outage is over when a
        round through all holds has no failure.
        """
        if self.backoff.left:
            return False
        until = boottime() + ROUND_SECONDS
        while (due := self._holds.due(self._after)) is not None:
            self._context.tick()
            began = boottime()
            try:
                if not self._after:
                    self._ask_for_topics()
                self._after = due.hold
                self._is_busy = self._release(due) or self._is_busy
            except PublisherUnavailable as error:
                self._is_clean = False
                self.backoff.failed(str(error), at_least=boottime() - began)
                return self._is_busy
            if self._context.stopping() or boottime() >= until:
                return True
        return self._end_round()

    def _end_round(self) -> bool:
        """End a round through all holds. Returns whether it has done anything."""
        if self._is_clean:
            self.backoff.passed()
        busy = self._is_busy
        if not busy:
            self._most.clear()
        self._after, self._is_clean, self._is_busy = 0, True, False
        return busy

    def _ask_for_topics(self) -> None:
        """Ask the broker for all topics of this round at once. It may create them; if each were asked for
        alone, new events would wait for each of them in turn.
        """
        topics = self._holds.due_topics()
        if len(topics) > 1:
            self._context.sender.prepare(topics, self._context.tick)

    def _release(self, due: Release) -> bool:
        config, link = self._context.settings, self._context.link
        most = link.rows(self._most.get(due.hold, config.page_rows))
        size = link.bytes(config.page_bytes)
        rows = link.carry(lambda: self._holds.held(due, rows=most, size=size), lambda found: found)
        if not rows:
            return self._end(due)
        failure = self._publish(due, rows)
        if failure is None:
            self._most[due.hold] = min(2 * most, config.page_rows)
            # New events of a busy topic would be held again before the next round.
            if len(rows) < most and self._holds.is_empty(due):
                self._end(due)
            return True
        if failure.trouble is Trouble.RECORD and len(rows) > 1:
            self._most[due.hold] = len(rows) // 2
            return True
        self._keep(due, rows[0], failure)
        return failure.trouble is Trouble.RECORD and due.scope == Hold.Scope.TOPIC

    def _end(self, due: Release) -> bool:
        """End a hold behind which this shard has no events left, or skip it while others have some."""
        if self._holds.delete(due):
            return True
        self._holds.skip(due)
        return False

    def _publish(self, due: Release, rows: list[Row]) -> Failure | None:
        """Publish held events and delete their rows; returns the first failure, if there is one. Those of a
        replay were published before, so they are not late.
        """
        outcomes = self._deliver(self._context.encode.page(rows))
        published = [row for row, outcome in zip(rows, outcomes, strict=False) if outcome is None]
        if published:
            carried = tally(published)
            if due.scope == Hold.Scope.REPLAY:
                carried = replace(carried, oldest=None)
            position = self._checkpoints.position
            self._checkpoints.move(position, carried, released=[row.id for row in published])
        return next((outcome for outcome in outcomes if outcome is not None), None)

    def _keep(self, due: Release, row: Row, failure: Failure) -> None:
        """Keep the hold, because its release failed. Poison behind a topic's hold gets its own hold."""
        if failure.trouble is Trouble.RETRIABLE:
            raise PublisherUnavailable(failure.detail)
        if failure.trouble is Trouble.RECORD and due.scope == Hold.Scope.TOPIC:
            self._holds.move_to_own_hold(due, row, failure)
        else:
            self._holds.reschedule(due, row, failure)
