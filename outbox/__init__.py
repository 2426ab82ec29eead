"""The write side of the outbox: events that commit or roll back with the change they tell of.

Everything here may be imported before Django's apps are ready, in a module of models as well.
"""

from __future__ import annotations

from outbox.capture import CapturedManager, CapturedQuerySet
from outbox.declared import Places
from outbox.emission import aemit, emit, emit_many
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
from outbox.event_context import Context, context
from outbox.eventclass import Event
from outbox.events import event
from outbox.receivers import receiver

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
