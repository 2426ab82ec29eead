"""Errors that an outage may cause. Such an error alone does not show that an event is at fault: see
``inbox.holding.evidence``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

from django.db import InterfaceError, OperationalError

from inbox.errors import HandlerFailed, HandlerHung, RetryLater

# Classes of SQLSTATE (PostgreSQL docs, appendix A): connection, transaction rollback (deadlock,
# serialization), insufficient resources (disk full, too many connections), operator intervention (shutdown,
# cancel), system error.
RETRIABLE_CLASSES = frozenset({"08", "40", "53", "57", "58"})
RETRIABLE_STATES = frozenset(
    {
        "25006",  # read-only transaction: a standby, or a full disk
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "55006",  # object in use
        "55P03",  # lock not available
    }
)
DATABASE_ERRORS = (OperationalError, InterfaceError)
NETWORK_WORDS = ("Connect", "Timeout", "Disconnected")
AT_ONCE = frozenset({"08", "40"})


def is_retriable(error: BaseException) -> bool:
    """Whether an outage may be the cause, of this error or of one that it was raised for."""
    return not isinstance(error, HandlerHung) and any(map(_is_itself_retriable, chain(error)))


def is_worth_a_second_try(error: BaseException) -> bool:
    """Whether a retry may succeed at once: after a deadlock, or on a new connection."""
    error = cause(error)
    state = sqlstate(error)
    if state is None:
        return isinstance(error, DATABASE_ERRORS)
    return state[:2] in AT_ONCE or state.startswith("57P")


def is_of_the_database(error: BaseException) -> bool:
    """Whether it may be an outage of a database."""
    error = cause(error)
    return _is_itself_retriable(error) and (sqlstate(error) is not None or isinstance(error, DATABASE_ERRORS))


def cause(error: BaseException) -> BaseException:
    """What the handler raised, or the error itself."""
    return error.__cause__ if isinstance(error, HandlerFailed) and error.__cause__ is not None else error


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, the one that it was raised for, and so on."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def sqlstate(error: BaseException) -> str | None:
    return _sqlstate(error.__cause__) or _sqlstate(error)


def _sqlstate(error: BaseException | None) -> str | None:
    """Errors of other libraries may have an attribute of that name that is something else, or fails."""
    with suppress(Exception):
        state = getattr(error, "sqlstate", None)
        return state if isinstance(state, str) else None
    return None


def _is_itself_retriable(error: BaseException) -> bool:
    state = sqlstate(error)
    if state is not None:
        return state[:2] in RETRIABLE_CLASSES or state in RETRIABLE_STATES
    return isinstance(error, (RetryLater, *DATABASE_ERRORS)) or _is_of_the_network(error)


def _is_of_the_network(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError, socket.gaierror)):
        return True
    # Clients have their own errors: requests, httpx, urllib3, smtplib, redis. Their names show the kind.
    return any(word in kind.__name__ for kind in type(error).__mro__ for word in NETWORK_WORDS)
