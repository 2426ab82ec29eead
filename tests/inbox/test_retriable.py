"""Is it the event's fault, or the world's?"""

from __future__ import annotations

import psycopg.errors
import pytest
from django.db import DataError, IntegrityError, OperationalError, connection
from django.db.utils import DatabaseErrorWrapper

from inbox import RetryLater
from inbox.handling.retriable import is_retriable


def wrapped(cause: psycopg.Error) -> Exception:
    """What Django makes of an error of psycopg."""
    try:
        with DatabaseErrorWrapper(connection):
            raise cause
    except Exception as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        RetryLater(),
        OperationalError("connection refused"),
        ConnectionResetError(),
        TimeoutError(),
        wrapped(psycopg.errors.DeadlockDetected()),
        wrapped(psycopg.errors.SerializationFailure()),
        wrapped(psycopg.errors.AdminShutdown()),
        wrapped(psycopg.errors.CannotConnectNow()),
        wrapped(psycopg.errors.DiskFull()),
        wrapped(psycopg.errors.TooManyConnections()),
        wrapped(psycopg.errors.LockNotAvailable()),
        wrapped(psycopg.errors.ReadOnlySqlTransaction()),
        wrapped(psycopg.errors.IdleInTransactionSessionTimeout()),
    ],
    ids=lambda error: type(error.__cause__ or error).__name__,
)
def test_is_the_worlds(error: Exception) -> None:
    assert is_retriable(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        KeyError(),
        IntegrityError(),
        DataError(),
        wrapped(psycopg.errors.UniqueViolation()),
        wrapped(psycopg.errors.NumericValueOutOfRange()),
        wrapped(psycopg.errors.ProgramLimitExceeded()),
        wrapped(psycopg.errors.UndefinedTable()),
    ],
    ids=lambda error: type(error.__cause__ or error).__name__,
)
def test_is_the_events(error: Exception) -> None:
    assert not is_retriable(error)


def test_what_an_error_was_raised_for_counts_too() -> None:
    error = ValueError("the rates are not there")
    error.__cause__ = ConnectionResetError()
    assert is_retriable(error)


def test_errors_of_clients_are_known_by_their_names() -> None:
    class ReadTimeout(Exception):
        """As httpx has one."""

    assert is_retriable(ReadTimeout())
