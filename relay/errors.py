"""Every error that relay raises.

RelayError
├── NotPrimary              the database is a standby
├── LeaseLost               another relay may already own the shard
│   └── Fenced              a checkpoint wrote nothing, because the lease or the incarnation changed
├── HoldReleased            a checkpoint wrote nothing, because a hold ended after it was read
├── AuditStopped            an audit ends before it has compared everything
├── TopicRefused            the broker does not create, fill or delete a topic
├── BenchTimedOut           a benchmark has not ended in time
└── PublisherUnavailable    Kafka does not answer; try again
    └── Throttled           it answers, and asks this client to wait
"""

from __future__ import annotations


class RelayError(Exception):
    """The relay could not do what was asked."""


class NotPrimary(RelayError):
    """The database is a standby."""


class LeaseLost(RelayError):
    """The lease on a shard has run out or has gone to another relay."""


class Fenced(LeaseLost):
    """A checkpoint wrote nothing: the lease or the incarnation changed."""


class HoldReleased(RelayError):
    """A checkpoint wrote nothing: a hold that its events wait behind ended after it was read. Read the holds
    again.
    """


class AuditStopped(RelayError):
    """An audit ends before it has compared everything; the message says why."""


class TopicRefused(RelayError):
    """The broker does not create, fill or delete a topic."""


class BenchTimedOut(RelayError):
    """A benchmark has not ended in time; the message says what it waited for."""


class PublisherUnavailable(RelayError):
    """The broker cannot be reached; nothing was handed over."""


class Throttled(PublisherUnavailable):
    """The broker answers, and asks this client to wait, because of a quota; nothing was handed over."""
