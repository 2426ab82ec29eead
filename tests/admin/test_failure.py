"""Why the database could not do it, in words that fit, and the remedy."""

from __future__ import annotations

import pytest
from psycopg import errors

from outbox.status.failure import unreadable


@pytest.mark.parametrize(
    ("failure", "words", "remedy"),
    [
        (errors.OperationalError("connection refused"), "does not answer", "PostgreSQL runs"),
        (errors.DeadlockDetected("deadlock detected"), "rolled the command back: deadlock", "Run it again"),
        (errors.SerializationFailure("could not serialize"), "rolled the command back", "Run it again"),
        (errors.ReadOnlySqlTransaction("cannot execute UPDATE"), "takes no changes", "the primary"),
        (errors.UndefinedTable('relation "outbox_hold"'), "tables of the outbox", "migrate outbox"),
    ],
)
def test_a_failure_is_told_as_what_it_is(failure: Exception, words: str, remedy: str) -> None:
    (problem,) = unreadable("default", failure).problems
    assert words in problem.text
    assert remedy in problem.remedy
