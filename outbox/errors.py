"""Every error that outbox raises.

OutboxError
├── TransactionRequired       emit() outside atomic()
├── EventRejected             the event cannot be written; the caller decides what to do
│   ├── UnknownEventType      its class is not registered with @outbox.event
│   ├── InvalidKey            its key is missing, empty, too long, or no text
│   ├── InvalidSubject        its subject is empty, too long, or no text
│   ├── InvalidAttribute      an extension attribute that CloudEvents does not allow
│   ├── InvalidField          a field holds a value that it does not declare
│   │   └── NotEncodable      a field holds a value that JSON cannot hold
│   ├── EventTooLarge         its payload is over OUTBOX["MAX_EVENT_BYTES"]
│   └── TooManyKeys           one transaction serializes more keys than OUTBOX["MAX_SERIALIZED_KEYS"]
├── SaveLost                  save() would have returned although its row is rolled back
├── CannotCapture             a bulk write whose events cannot be known
├── RowFailed                 a receiver failed for a row of a backfill
├── CodeMissing               this process has no such model or receiver
├── NotGranted                the role of this process lacks privileges that another one may have
├── TablesMissing             the database has no tables of the outbox
└── LogUnsafe                 the log cannot be read, or its position believed, without losing events
    └── PositionNotOfThisHistory  the stored position belongs to another database history
"""

from __future__ import annotations


class OutboxError(Exception):
    """The outbox could not do what was asked."""


class TransactionRequired(OutboxError):
    """An event was emitted outside a transaction, so it could not commit or roll back with its change."""


class EventRejected(OutboxError, ValueError):
    """The event cannot be written to the outbox."""


class UnknownEventType(EventRejected):
    """The object is not an instance of a class registered with ``@outbox.event``."""


class InvalidKey(EventRejected):
    """The event's key is missing, empty, too long, or not something that has one plain text."""


class InvalidSubject(EventRejected):
    """The event's subject is empty, too long, or not something that has one plain text."""


class InvalidAttribute(EventRejected):
    """An extension attribute of the event has a name or value that CloudEvents does not allow."""


class InvalidField(EventRejected):
    """A field of the event is missing, or its value does not have the declared type."""


class NotEncodable(InvalidField):
    """A field of the event holds a value that JSON cannot hold: an expression, a file, NaN, an unknown
    object.
    """


class EventTooLarge(EventRejected):
    """The encoded event is larger than the limit."""


class TooManyKeys(EventRejected):
    """One transaction serializes more keys than it may lock."""


class SaveLost(OutboxError):
    """``save()`` would have returned normally although its transaction is marked for rollback."""


class CannotCapture(OutboxError):
    """A bulk write of a captured model does not return which rows it changed, so its events are unknown."""


class RowFailed(OutboxError):
    """A receiver raised an exception for a row of a backfill."""


class CodeMissing(OutboxError):
    """This process has no such model or receiver. Another one may have it."""


class NotGranted(OutboxError):
    """The database role of this process lacks privileges. Another process may have them."""


class TablesMissing(OutboxError):
    """The database has no tables of the outbox."""


class LogUnsafe(OutboxError):
    """The log cannot be read, or its position believed, without losing or reordering events.

    ``text`` says why, ``remedy`` what to do.
    """

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(f"{text} {remedy}")
        self.text = text
        self.remedy = remedy


class PositionNotOfThisHistory(LogUnsafe):
    """The relay's stored position was taken in another history of this database (a restore, most likely)."""
