"""From the outbox to Kafka: ``manage.py run_relay``. It exports what you need to write a publisher.

class MyPublisher:                                          # KAFKA = {"BACKEND": "my.module.MyPublisher"}
    def __init__(self, options, *, batch_bytes=..., delivery_seconds=...) -> None: ...
    def prepare(self, topics) -> None: ...                  # relay.Publisher has the contract of each
    def publish(self, records) -> list[relay.Outcome]: ...
    def close(self, timeout) -> None: ...
"""

from __future__ import annotations

from relay.errors import (
    Fenced,
    HoldReleased,
    LeaseLost,
    NotPrimary,
    PublisherUnavailable,
    RelayError,
    Throttled,
)
from relay.publishers.base import Failure, HandsOver, Outcome, Publisher, Record, Trouble

__all__ = [
    "Failure",
    "Fenced",
    "HandsOver",
    "HoldReleased",
    "LeaseLost",
    "NotPrimary",
    "Outcome",
    "Publisher",
    "PublisherUnavailable",
    "Record",
    "RelayError",
    "Throttled",
    "Trouble",
]
