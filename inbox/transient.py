"""Is it the event's fault, or the world's? What is the world's is tried again for as long as it takes."""

from __future__ import annotations

from django.db import OperationalError

from inbox.errors import RetryLater

# Classes of SQLSTATE (PostgreSQL docs, appendix A): connection, transaction rollback (deadlock,
# serialization), insufficient resources (disk full, too many connections), lock not available, operator
# intervention (shutdown, cancel), system error.
TRANSIENT_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
TRANSIENT_STATES = frozenset(
    {
        "25006",  # read-only transaction: a standby, or a full disk's precaution
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
    }
)


def is_transient(error: BaseException) -> bool:
    """Whether trying the same again may go well, without anybody changing the event or the code."""
    if isinstance(error, (RetryLater, ConnectionError, TimeoutError)):
        return True
    state = getattr(error.__cause__, "sqlstate", None) or getattr(error, "sqlstate", None)
    if state is not None:
        return state[:2] in TRANSIENT_CLASSES or state in TRANSIENT_STATES
    return isinstance(error, OperationalError)
