"""The write side of the outbox: events that commit or roll back with the change they tell of.

Everything here may be imported before Django's apps are ready, in a module of models as well.
"""

from __future__ import annotations

from outbox.capture import CapturedManager, CapturedQuerySet
from outbox.emission import emit, emit_many
from outbox.errors import (
    CannotCapture,
    EventRejected,
    EventTooLarge,
    InvalidKey,
    InvalidSubject,
    NotEncodable,
    OutboxError,
    PositionNotOfThisHistory,
    SaveLost,
    TablesMissing,
    TooManyKeys,
    TransactionRequired,
    UnknownEventType,
)
from outbox.event_context import Context, context
from outbox.events import event
from outbox.receivers import receiver

__all__ = [
    "CannotCapture",
    "CapturedManager",
    "CapturedQuerySet",
    "Context",
    "EventRejected",
    "EventTooLarge",
    "InvalidKey",
    "InvalidSubject",
    "NotEncodable",
    "OutboxError",
    "PositionNotOfThisHistory",
    "SaveLost",
    "TablesMissing",
    "TooManyKeys",
    "TransactionRequired",
    "UnknownEventType",
    "context",
    "emit",
    "emit_many",
    "event",
    "receiver",
]
