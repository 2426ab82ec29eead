"""Letting another relay have the shards, where this one alone may be cut off from Kafka."""

from __future__ import annotations

from collections.abc import Callable

from outbox_core.process.clock import boottime
from relay.courier import Courier

PATIENCE_SECONDS = 15.0
PROBE_EVERY_SECONDS = 2.0


class Handover:
    """Whether a relay lets go of its shards, and takes part again. ``trouble`` is why it has; empty if not.

    In an outage for all, nobody else is in good health: who owns the shards then goes on trying.
    """

    def __init__(self, courier: Courier) -> None:
        self.trouble = ""
        self._courier = courier
        self._probe_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether Kafka has answered nothing for long."""
        since = self._courier.unanswered_since
        return bool(since) and boottime() - since >= PATIENCE_SECONDS

    def make(self, trouble: str) -> None:
        self.trouble = trouble
        self._probe_at = boottime() + PROBE_EVERY_SECONDS

    def end(self) -> None:
        self.trouble = ""

    def kafka_answers(self, tick: Callable[[], None]) -> bool:
        """Ask now and then; ``tick`` is called again and again meanwhile."""
        if boottime() < self._probe_at:
            return False
        answers = self._courier.ask(tick)
        self._probe_at = boottime() + PROBE_EVERY_SECONDS
        return answers
