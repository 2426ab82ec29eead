"""The write side of the outbox: events that commit or roll back with the change that they report.

Everything here may be imported before Django's apps are ready, also in models.py.
"""

from __future__ import annotations

from outbox.capture.decorator import receiver
from outbox.capture.querysets import CapturedManager, CapturedQuerySet
from outbox.declared import Places
from outbox.errors import (
    CannotCapture,
    EventRejected,
    EventTooLarge,
    InvalidAttribute,
    InvalidField,
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
from outbox.write.context import Context, context
from outbox.write.emit import aemit, emit, emit_many
from outbox.write.event_class import Event
from outbox.write.registry import event

__all__ = [
    "CannotCapture",
    "CapturedManager",
    "CapturedQuerySet",
    "Context",
    "Event",
    "EventRejected",
    "EventTooLarge",
    "InvalidAttribute",
    "InvalidField",
    "InvalidKey",
    "InvalidSubject",
    "NotEncodable",
    "OutboxError",
    "Places",
    "PositionNotOfThisHistory",
    "SaveLost",
    "TablesMissing",
    "TooManyKeys",
    "TransactionRequired",
    "UnknownEventType",
    "aemit",
    "context",
    "emit",
    "emit_many",
    "event",
    "receiver",
]
