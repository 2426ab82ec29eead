"""Every error that relay raises.

RelayError
├── NotPrimary              the database is a standby
├── LeaseLost               another relay may own the shard by now
│   └── Fenced              a checkpoint wrote nothing, as the lease or the incarnation is not what it was
├── HoldReleased              a checkpoint wrote nothing, as a hold was lifted after it was looked up
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
    """A checkpoint wrote nothing: the lease or the incarnation is not what it was."""


class HoldReleased(RelayError):
    """A checkpoint wrote nothing: a hold behind which it sets events aside was lifted after it was looked up.
    Look the holds up again.
    """


class PublisherUnavailable(RelayError):
    """The broker cannot be reached; nothing was handed over."""


class Throttled(PublisherUnavailable):
    """The broker answers, and asks this client to wait, because of a quota; nothing was handed over."""
