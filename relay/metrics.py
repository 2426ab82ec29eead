"""The metrics of a relay process: what they are, and the receivers of signals that count them."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from datetime import datetime
from typing import TYPE_CHECKING, Any

from outbox.models import Hold
from outbox_core.metrics.declared import (
    EVENTS,
    MILLISECONDS,
    SECONDS,
    Metric,
    Sample,
    counter,
    gauge,
    histogram,
)
from relay import signals
from relay.condition import Cause, State
from relay.engine import Relay

if TYPE_CHECKING:
    from outbox_core.metrics.prometheus import Metrics

PUBLISHED = counter("outbox_relay_published_events_total", "Events that Kafka acknowledged.")
PUBLISHED_BYTES = counter("outbox_relay_published_bytes_total", "Bytes of their payloads.")
HELD = counter("outbox_relay_held_events_total", "Events that were put behind a hold.")
WAVE_EVENTS = histogram(
    "outbox_relay_wave_events", "Records of a wave that the publisher answered for.", EVENTS
)
WAVE = histogram(
    "outbox_relay_wave_seconds", "From handing a wave to the publisher until it has answered for it.", SECONDS
)
LATENCY = histogram(
    "outbox_relay_latency_seconds",
    "From the insert of an event until its acknowledgement is stored, for the oldest event of each wave.",
    SECONDS,
)
POLL = histogram(
    "outbox_relay_poll_seconds", "Reading a page of the log, also where nothing is new.", MILLISECONDS
)
CHECKPOINT = histogram("outbox_relay_checkpoint_seconds", "Storing the position behind a wave.", MILLISECONDS)
HOLDS_MADE = counter("outbox_relay_holds_made_total", "Holds that this relay made.", "scope")
HOLDS_RELEASED = counter(
    "outbox_relay_holds_released_total", "Holds that ended because all their events are published.", "scope"
)
OUTAGES = counter(
    "outbox_relay_outages_total", "How often this relay became degraded, by the cause.", "cause"
)
TAKEOVERS = counter("outbox_relay_shards_acquired_total", "Shards that this relay took over.")
LOST = counter("outbox_relay_shards_lost_total", "Shards that it gave up or lost.")
STATE = gauge("outbox_relay_state", "1 for the state that this relay is in, 0 for the others.", "state")
OUTAGE = gauge(
    "outbox_relay_outage", "1 for the cause why this relay is degraded, 0 for the others.", "cause"
)
SHARDS = gauge("outbox_relay_shards", "Shards that this relay owns.")
LEASE = gauge(
    "outbox_relay_lease_remaining_seconds",
    "Seconds that the lease still runs which ends first; missing if it owns no shard.",
)

COUNTED: tuple[Metric, ...] = (
    *(PUBLISHED, PUBLISHED_BYTES, HELD, WAVE_EVENTS, WAVE, LATENCY, POLL, CHECKPOINT),
    *(HOLDS_MADE, HOLDS_RELEASED, OUTAGES, TAKEOVERS, LOST),
)
READ: tuple[Metric, ...] = (STATE, OUTAGE, SHARDS, LEASE)
METRICS = (*COUNTED, *READ)
UID = "relay.metrics"


class RelayMetrics:
    """Counts what one relay does in ``metrics``. Per wave, never per event."""

    def __init__(self, relay: Relay, metrics: Metrics) -> None:
        self._relay = relay
        self._metrics = metrics
        metrics.declare(COUNTED)
        for cause in Cause:
            metrics.add(OUTAGES, 0, cause.name.lower())
        for scope in Hold.Scope.values:
            metrics.add(HOLDS_MADE, 0, scope)
            metrics.add(HOLDS_RELEASED, 0, scope)
        metrics.read(self.samples, READ)

    def listen(self) -> None:
        """Begin to count."""
        for name, receiver in self._receivers.items():
            getattr(signals, name).connect(receiver, weak=False, dispatch_uid=UID)

    def stop(self) -> None:
        """Count no more."""
        for name in self._receivers:
            getattr(signals, name).disconnect(dispatch_uid=UID)

    def samples(self) -> Iterator[Sample]:
        """The gauges of the relay now."""
        relay = self._relay
        state, cause = relay.state, relay.condition.cause
        leases = [shard.lease for shard in list(relay.shards.values())]
        for each in State:
            yield Sample(STATE, each is state, (each.value,))
        for why in Cause:
            yield Sample(OUTAGE, why is cause, (why.name.lower(),))
        yield Sample(SHARDS, len(leases))
        if leases:
            yield Sample(LEASE, max(0.0, min(lease.remaining for lease in leases)))

    @property
    def _receivers(self) -> dict[str, Any]:
        return {
            "page_read": self._page_read,
            "wave_sent": self._wave_sent,
            "wave_published": self._wave_published,
            "state_changed": self._state_changed,
            "shard_acquired": self._shard_acquired,
            "shard_lost": self._shard_lost,
            "hold_made": self._hold_made,
            "hold_released": self._hold_released,
        }

    def _page_read(self, *, seconds: float, **_: Any) -> None:
        self._metrics.observe(POLL, seconds)

    def _wave_sent(self, *, records: Sized, seconds: float, **_: Any) -> None:
        self._metrics.observe(WAVE_EVENTS, len(records))
        self._metrics.observe(WAVE, seconds)

    def _wave_published(self, *, tally: Any, held: int, stored_at: str, seconds: float, **_: Any) -> None:
        self._metrics.add(PUBLISHED, tally.events)
        self._metrics.add(PUBLISHED_BYTES, tally.bytes)
        self._metrics.add(HELD, held)
        self._metrics.observe(CHECKPOINT, seconds)
        if tally.oldest is not None:
            self._metrics.observe(LATENCY, _seconds_between(tally.oldest, stored_at))

    def _state_changed(self, *, cause: Cause | None, **_: Any) -> None:
        if cause is not None:
            self._metrics.add(OUTAGES, 1, cause.name.lower())

    def _shard_acquired(self, **_: Any) -> None:
        self._metrics.add(TAKEOVERS, 1)

    def _shard_lost(self, **_: Any) -> None:
        self._metrics.add(LOST, 1)

    def _hold_made(self, *, scope: str, **_: Any) -> None:
        self._metrics.add(HOLDS_MADE, 1, scope)

    def _hold_released(self, *, release: Any, **_: Any) -> None:
        self._metrics.add(HOLDS_RELEASED, 1, release.scope)


def _seconds_between(first: str, second: str) -> float:
    """Both as PostgreSQL writes them."""
    between = datetime.fromisoformat(second) - datetime.fromisoformat(first)
    return max(0.0, between.total_seconds())
