"""Why the database could not do it, in words that fit, and the remedy."""

from __future__ import annotations

from typing import Any

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
        (errors.FeatureNotSupported("cannot … during recovery"), "takes no changes", "the primary"),
        (errors.UndefinedTable('relation "outbox_hold"'), "does not have all tables", "migrate outbox"),
        (errors.IntervalFieldOverflow("interval out of range"), "refuses a statement", "options"),
    ],
)
def test_a_failure_is_told_as_what_it_is(failure: Exception, words: str, remedy: str) -> None:
    (problem,) = unreadable("default", failure).problems
    assert words in problem.text
    assert remedy in problem.remedy


def test_tables_that_are_missing_from_a_schema_are_not_made_by_a_mere_migrate(settings: Any) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "SCHEMA": "nowhere"}
    (problem,) = unreadable("default", errors.UndefinedTable('relation "nowhere.outbox_event"')).problems
    assert "OUTBOX['SCHEMA'], 'nowhere'" in problem.remedy
    assert "search_path=nowhere" in problem.remedy
