"""For tests of handlers: a consumer without Kafka, and assertions about the outcome of its events."""

from __future__ import annotations

from inbox.testing.memory_consumer import MemoryConsumer, SkippedTime

__all__ = ["MemoryConsumer", "SkippedTime"]
