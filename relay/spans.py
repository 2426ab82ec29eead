"""The relay's spans of OpenTelemetry: one for each wave, if the extra ``otel`` is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outbox_core import tracing
from outbox_core.wire.encode import Record
from relay import signals


def listen() -> None:
    """Begin to trace. Called once by the command."""
    if tracing.AVAILABLE:
        signals.wave_sent.connect(_wave_sent, dispatch_uid="relay.spans")


def _wave_sent(*, records: Sequence[Record], seconds: float, **_: Any) -> None:
    tracing.sent(records, seconds)
