"""A relay that alone cannot reach Kafka hands its shards to another one."""

from __future__ import annotations

from collections.abc import Callable

from outbox_core.process.clock import boottime
from relay.senders import Senders

PATIENCE_SECONDS = 15.0
PROBE_EVERY_SECONDS = 2.0


class StepDown:
    """Decides when a relay gives up its shards because Kafka does not answer it, and when it takes part
    again. ``trouble`` is why it gave them up; empty if it did not.

    In an outage for all relays no other one is healthy. Then the owner of the shards keeps trying.
    """

    def __init__(self, senders: Senders) -> None:
        self.trouble = ""
        self._senders = senders
        self._probe_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether Kafka has not answered for long."""
        waited = self._senders.unanswered_seconds
        return bool(waited) and waited >= PATIENCE_SECONDS

    def make(self, trouble: str) -> None:
        self.trouble = trouble
        self._probe_at = boottime() + PROBE_EVERY_SECONDS

    def end(self) -> None:
        self.trouble = ""

    def kafka_answers(self, tick: Callable[[], None]) -> bool:
        """Ask Kafka from time to time; ``tick`` is called regularly meanwhile."""
        if boottime() < self._probe_at:
            return False
        answers = self._senders.ask(tick)
        self._probe_at = boottime() + PROBE_EVERY_SECONDS
        return answers
