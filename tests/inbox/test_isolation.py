"""The inbox needs READ COMMITTED: at another isolation level it refuses to work, and names the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

from inbox.conf import settings
from inbox.doctor.database import DatabaseSteps
from inbox.management.commands.run_consumer import wait_for_database
from inbox.models import HeldEvent, InHand, Processed
from inbox.testing import MemoryConsumer
from outbox_core.operations.doctor.step import Outcome, Result
from outbox_core.process.command import Process
from outbox_core.process.stopping import StopToken
from tests.checking import run_checks
from tests.inbox.conftest import Effects, raising, send_steps

pytestmark = pytest.mark.django_db(transaction=True)


def _alter_role(change: str) -> None:
    """For this database only. It counts from the next connection on."""
    name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {name} {change}")
    connection.close()


@contextmanager
def options() -> Iterator[None]:
    given = connection.settings_dict["OPTIONS"]
    given["isolation_level"] = psycopg.IsolationLevel.SERIALIZABLE
    connection.close()
    try:
        yield
    finally:
        del given["isolation_level"]
        connection.close()


@contextmanager
def role() -> Iterator[None]:
    _alter_role("SET default_transaction_isolation = 'repeatable read'")
    try:
        yield
    finally:
        _alter_role("RESET default_transaction_isolation")


def refused() -> AbstractContextManager[object]:
    return pytest.raises(ImproperlyConfigured, match=r"READ COMMITTED.*isolation_level.*ALTER ROLE")


WAYS = pytest.mark.parametrize("another_level", [options, role])
Level = Callable[[], AbstractContextManager[None]]


@WAYS
def test_new_events_are_refused(effects: Effects, another_level: Level) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    send_steps(consumer, "a", 1)
    send_steps(consumer, "b", 1)
    with another_level(), refused():
        consumer.drain()
    assert effects.calls == []
    assert not HeldEvent.objects.exists()
    assert not Processed.objects.exists()
    assert not InHand.objects.exists(), "the next process suspects none of them"


@WAYS
def test_held_events_are_refused(effects: Effects, another_level: Level) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails["fail"] = raising(ConnectionError())
    send_steps(consumer, "a", 1, fail="fail")
    consumer.poll()
    calls, before = len(effects.calls), HeldEvent.objects.values().get()
    with another_level(), refused():
        consumer.retry()
    assert (len(effects.calls), HeldEvent.objects.values().get()) == (calls, before)


@WAYS
def test_run_consumer_is_refused_at_its_start(another_level: Level) -> None:
    with another_level(), refused():
        wait_for_database(settings(), "crm", Process(StopToken(), lambda: None))


@WAYS
def test_check_and_doctor_report_it(another_level: Level) -> None:
    with another_level():
        found = [check.id for check in run_checks(databases=["default"])]
        step = next(step for step in DatabaseSteps("default").all() if step.name == "database")
        result = Result.of("database", list(step.look()), 0.0)
    assert "inbox.E013" in found
    assert result.outcome is Outcome.FAILED
    assert "ALTER ROLE" in result.findings[0].remedy


def test_read_committed_is_not_reported() -> None:
    assert "inbox.E013" not in [check.id for check in run_checks(databases=["default"])]


def test_a_database_that_does_not_answer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbox.checks.require_read_committed", raising(OperationalError("down")))
    assert "inbox.E014" in [check.id for check in run_checks(databases=["default"])]
