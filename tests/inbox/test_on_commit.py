"""What handlers give to transaction.on_commit() concerns no other event, whatever it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.checks import run_checks
from django.db import connection, connections, transaction

from inbox.models import HeldEvent, Processed
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, execute, logged, raising, send_steps

pytestmark = pytest.mark.django_db(transaction=True)


def afterwards(function: Callable[[], object]) -> Callable[[], object]:
    return lambda: transaction.on_commit(function)


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit(1)], ids=repr)
def test_a_function_that_fails_keeps_no_other_from_running(
    effects: Effects, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[int] = []
    effects.fails = {"fails": afterwards(raising(error)), "works": afterwards(lambda: called.append(1))}
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    send_steps(consumer, "a", 1, fail="works")
    send_steps(consumer, "b", 1, fail="fails")
    send_steps(consumer, "a", 2, 3, fail="works")
    with caplog.at_level("INFO", logger="inbox"):
        consumer.poll()
    assert called == [1, 1, 1]
    assert (effects.of("a"), effects.of("b"), len(effects.calls)) == ([1, 2, 3], [1], 4)
    assert not HeldEvent.objects.exists()
    (line,) = logged(caplog, "on_commit_failed")
    assert (line.levelname, line.consumer) == ("ERROR", "test")
    assert line.function.endswith("raising.<locals>.fail")
    assert not logged(caplog, "batch_failed"), "nothing was rolled back"


def test_a_test_hears_of_it(effects: Effects) -> None:
    effects.fails["fails"] = afterwards(raising(ValueError("wrong")))
    consumer = MemoryConsumer("test", handlers=effects.registry)
    send_steps(consumer, "a", 1, fail="fails")
    with pytest.raises(ValueError, match="wrong"):
        consumer.poll()


def test_a_connection_that_is_left_without_autocommit_loses_nothing(effects: Effects) -> None:
    effects.fails["manual"] = afterwards(lambda: transaction.set_autocommit(False))
    consumer = MemoryConsumer("test", handlers=effects.registry)
    send_steps(consumer, "a", 1, fail="manual")
    consumer.poll()
    send_steps(consumer, "a", 2, 3)
    consumer.poll()
    connection.close()
    assert effects.of("a") == [1, 2, 3]
    assert Processed.objects.filter(consumer="test").count() == 3


def test_a_connection_that_is_closed_behind_the_commit_loses_nothing(
    effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where settings of the session would be restored."""

    def run() -> None:
        execute("SET TIME ZONE 'Europe/Vienna'")
        transaction.on_commit(connection.close)

    effects.fails["closes"] = run
    consumer = MemoryConsumer("test", handlers=effects.registry)
    send_steps(consumer, "a", 1, fail="closes")
    with caplog.at_level("INFO", logger="inbox"):
        consumer.poll()
    assert (effects.of("a"), len(effects.calls)) == ([1], 1)
    assert not logged(caplog, "batch_failed")


def test_a_database_without_autocommit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "AUTOCOMMIT", False)
    assert "inbox.E015" in [found.id for found in run_checks()]
