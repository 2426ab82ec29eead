"""Every error that inbox raises.

InboxError
├── HandlerError          a handler is registered wrongly: its signature, its payload type, or twice
├── UnknownConsumer       no consumer of that name in INBOX["CONSUMERS"]
├── MigrationsMissing     the database has migrations that are not applied
├── NoHandler             a test sent an event that no handler of the consumer takes
├── DatabaseUnfit         the database is not set up as the inbox needs it
│   ├── WrongIsolation    it does not run transactions as READ COMMITTED
│   └── RowsHidden        row level security hides rows of the inbox from this role
├── NotHandling           Batch.current() outside a handler
├── HandlerFailed         a handler failed; the cause is what it raised
├── Poison                this event cannot be handled, however often it is tried
│   └── InvalidPayload    its data does not fit what the handler declares
├── RetryLater            raised by a handler: not now, try again
├── EffectsLost           a handler broke, ended or left its transaction
├── WroteElsewhere        a handler wrote to a database whose effects the transaction does not cover
├── HandlerHung           a handler ran for longer than INBOX["HANDLER_SECONDS"]
├── HandlerLeft           a handler raised SystemExit, KeyboardInterrupt or the like
├── NoSuchPlace           a consumer cannot be moved there: no such topic, partition or offset
├── SeekRefused           a consumer cannot be moved now: another request is open, or somebody else reads
├── SourceUnavailable     Kafka does not answer
│   ├── NoAnswer          it does not answer in time; the client can still be used
│   └── TopicDeleted      a topic was deleted while Kafka was asked about it
├── Undecodable           a client cannot decode a batch; the source keeps its partition waiting
└── Abandoned             the rest of a batch is not handled now: partitions were revoked, or it must stop
    └── OffsetsMoved      the database went back in time: the records that it lost must be read again first
Interrupted               raised inside a handler that runs for too long; a BaseException
"""

from __future__ import annotations

from collections.abc import Iterable

from django.core import exceptions


class InboxError(Exception):
    """The inbox could not do what was requested."""


class HandlerError(InboxError):
    """A handler is registered wrongly."""


class UnknownConsumer(InboxError):
    """There is no consumer of that name."""


class MigrationsMissing(InboxError):
    """The database has unapplied migrations of the inbox."""


class NoHandler(InboxError):
    """No handler of the consumer takes an event of this type. Only tests raise it."""


class DatabaseUnfit(InboxError, exceptions.ImproperlyConfigured):
    """The database is not set up as the inbox needs it: ``text`` says why, ``remedy`` what to do."""

    def __init__(self, text: str, remedy: str) -> None:
        self.text, self.remedy = text, remedy
        super().__init__(f"{text} {remedy}")


class WrongIsolation(DatabaseUnfit):
    """The database does not run transactions as READ COMMITTED, but at ``level``."""

    def __init__(self, database: str, level: str) -> None:
        super().__init__(
            f"Database {database!r} runs transactions as {level.upper()}, "
            "but the inbox needs READ COMMITTED.",
            f"Remove isolation_level from the OPTIONS of DATABASES[{database!r}], or run ALTER ROLE … RESET "
            "default_transaction_isolation.",
        )


class RowsHidden(DatabaseUnfit):
    """Row level security hides rows of ``table`` from ``role``."""

    def __init__(self, table: str, role: str) -> None:
        super().__init__(
            f"Row level security hides rows of {table} from role {role}: held events that it hides would be "
            "passed by later ones, and what is handled could come again.",
            f"ALTER ROLE {role} BYPASSRLS; or ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;",
        )


class NotHandling(InboxError):
    """``Batch.current()`` was called while no handler was running."""


class HandlerFailed(InboxError):
    """The handler ``handler`` (its dotted name) failed at delivery number ``index`` of the batch, or with
    several of them if that is None.

    The cause is what it raised, ``seconds`` after it was called.
    """

    def __init__(self, index: int | None, handler: str, seconds: float) -> None:
        super().__init__(handler)
        self.index = index
        self.handler = handler
        self.seconds = seconds


class Poison(InboxError):
    """The event can never be handled. When a handler raises this, the event is held at once."""


class InvalidPayload(Poison):
    """The data of the event does not fit the type that the handler declares."""


class RetryLater(InboxError):
    """For handlers to raise: not now. The event and its key wait and are retried, with growing pauses, until
    the event succeeds. All other keys are handled meanwhile.
    """


class EffectsLost(InboxError):
    """The transaction can only roll back, or is no longer the one that the inbox began."""


class WroteElsewhere(InboxError):
    """A handler wrote to another database: that write would stay when the event is rolled back."""


class HandlerHung(InboxError):
    """The handler was interrupted after INBOX["HANDLER_SECONDS"]."""


class HandlerLeft(InboxError):
    """The handler raised an exception that ends a program or a task. An event must not end the consumer."""


class NoSuchPlace(InboxError):
    """There is no such topic, partition or offset to move a consumer to."""


class SeekRefused(InboxError):
    """A consumer cannot be moved now."""


class SourceUnavailable(InboxError):
    """Kafka does not answer."""


class NoAnswer(SourceUnavailable):
    """Kafka does not answer in time. The client that waited can still be used."""


class TopicDeleted(SourceUnavailable):
    """A topic was deleted while Kafka was asked about it."""

    @classmethod
    def of(cls, partitions: Iterable[tuple[str, int]]) -> TopicDeleted:
        """Raised when Kafka was asked about these."""
        names = ", ".join(sorted({topic for topic, _ in partitions}))
        return cls(f"a topic was deleted a moment ago, one of: {names}")


class Undecodable(InboxError):
    """The client raised ``error``, probably because it cannot decode a batch. ``partition`` is where, if the
    client says so.
    """

    def __init__(self, error: Exception, partition: tuple[str, int] | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.partition = partition


class Abandoned(InboxError):
    """The rest of the batch is not handled now. It will be delivered again."""


class OffsetsMoved(Abandoned):
    """The database has a lower offset than this process stored: restored, or a standby was promoted."""


class Interrupted(BaseException):
    """Raised inside a handler that runs for too long. Handlers that catch Exception do not catch it."""
