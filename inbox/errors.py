"""Every error that inbox raises.

InboxError
├── HandlerError          a handler is registered wrongly: its signature, its payload type, or twice
├── UnknownConsumer       no consumer of that name in INBOX["CONSUMERS"]
├── MigrationsMissing     the tables are not up to date
├── NotHandling           Batch.current() outside a handler
├── Poison                this event cannot be handled, however often it is tried
│   ├── InvalidEvent      the record is not a CloudEvent
│   └── InvalidPayload    its data does not fit what the handler declares
├── RetryLater            raised by a handler: not now, try again
├── EffectsLost           a handler swallowed a database error, so that its transaction could not commit
├── SourceUnavailable     Kafka does not answer
└── Abandoned             the rest of a batch is let go: the partitions were revoked, or it is to stop
    └── OffsetsMoved      the database went back in time: what it has lost is to be read again first
"""

from __future__ import annotations


class InboxError(Exception):
    """The inbox could not do what was asked."""


class HandlerError(InboxError):
    """A handler is registered wrongly."""


class UnknownConsumer(InboxError):
    """There is no consumer of that name."""


class MigrationsMissing(InboxError):
    """The database lacks migrations that this code needs."""


class NotHandling(InboxError):
    """``Batch.current()`` was called while no handler was running."""


class Poison(InboxError):
    """The event cannot be handled, ever. A handler that raises this has the event parked at once."""


class InvalidEvent(Poison):
    """The record is not a CloudEvent."""


class InvalidPayload(Poison):
    """The data of the event does not fit the type that the handler declares."""


class RetryLater(InboxError):
    """For handlers to raise: not now. The event is tried again until it succeeds, and never parked."""


class EffectsLost(InboxError):
    """A handler swallowed a database error: the transaction would have rolled back without a word."""


class SourceUnavailable(InboxError):
    """Kafka does not answer."""


class Abandoned(InboxError):
    """The rest of the batch is not to be handled here and now; it will be delivered again."""


class OffsetsMoved(Abandoned):
    """The database has a lower offset than this process stored: restored, or a standby was promoted."""
