"""Events that no handler takes are counted and shown; writes to other databases are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, reset_queries

import inbox
from inbox import checks
from inbox.conf import ConsumerSettings, settings
from inbox.errors import WroteElsewhere
from inbox.handling import other_databases
from inbox.handling.batch import gathering
from inbox.handling.unhandled import MOST_REPLAYS, alike
from inbox.models import HeldEvent, Processed, Unhandled
from inbox.status.consumers import statuses
from inbox.status.report import Thresholds, read
from inbox.testing import MemoryConsumer
from outbox_core.wire.careful import TOMBSTONE
from tests.inbox.conftest import Effects, logged, send_steps, undecided, without_lag


def test_types_that_nobody_handles_are_counted_said_once_and_stored(
    consumer: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        consumer.send("test.stepp", {}, key=f"k{number}")
    consumer.send("other", {})
    send_steps(consumer, "a", 1)
    consumer.drain()
    rows = [(row.consumer, row.type, row.count) for row in Unhandled.objects.order_by("type")]
    assert rows == [("test", "other", 1), ("test", "test.stepp", 3)]
    said = [(r.type, r.alike) for r in logged(caplog, "type_unhandled")]
    assert said == [("test.stepp", "test.step"), ("other", "")]
    consumer.send("other", {})
    consumer.time.now += 10
    consumer.drain()
    assert Unhandled.objects.get(type="other").count == 2


def test_replays_that_no_handler_takes_are_counted_and_said_once(
    consumer: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "inbox")
    for number in range(3):
        consumer.send("test.step", {"number": number}, key="a", replay="r1")
    consumer.send("other", {}, replay="r1")
    consumer.drain()
    assert effects.order("a") == []
    rows = [(row.type, row.count) for row in Unhandled.objects.order_by("type")]
    assert rows == [("other", 1), ("test.step (replay)", 3)]
    said = [(r.replay, r.type, r.consumer) for r in logged(caplog, "replay_skipped")]
    assert said == [("r1", "test.step", "test")]


def test_a_producer_that_calls_each_event_a_replay_does_not_fill_the_log(
    consumer: MemoryConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "inbox")
    for number in range(2 * MOST_REPLAYS):
        consumer.send("test.step", {"number": number}, key="a", replay=f"r{number}")
        consumer.send("test.step", {"number": number}, key="a", replay="always")
    consumer.drain()
    said = [r.replay for r in logged(caplog, "replay_skipped")]
    assert said[:3] == ["r0", "always", "r1"]
    assert len(said) == MOST_REPLAYS
    assert Unhandled.objects.get().count == 4 * MOST_REPLAYS


def test_types_that_are_ignored_on_purpose_are_not_counted(
    effects: Effects, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False, ignore=("other", "audit.*"))
    for type_ in ("other", "audit.login", "more"):
        consumer.send(type_, {})
    consumer.drain()
    assert [row.type for row in Unhandled.objects.all()] == ["more"]


def test_tombstones_of_other_programs_are_events_of_a_type_of_their_own(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    """A record without a value and without attributes, as Debezium or a clean-up of a compacted topic sends
    it, has no type. It stops nobody.
    """
    send_steps(consumer, "a", 1)
    consumer.log.append("test", key=b"a", value=None)
    send_steps(consumer, "a", 2)
    consumer.drain()
    assert effects.of("a") == [1, 2]
    assert [(row.type, row.count) for row in Unhandled.objects.all()] == [(TOMBSTONE, 1)]
    deleted: list[str | None] = []

    @effects.registry.handler(TOMBSTONE)
    def delete(event: inbox.Event) -> None:
        deleted.append(event.key)

    consumer.restart()
    consumer.log.append("test", key=b"a", value=None, headers=[("origin", b"x")])
    consumer.drain()
    assert deleted == ["a"]
    assert not HeldEvent.objects.exists()


def test_status_shows_handlers_and_what_none_of_them_takes(db: None) -> None:
    Unhandled.objects.create(consumer="crm", type="shop.order.payd", count=3)
    Unhandled.objects.create(consumer="crm", type="shop.order.paid", count=5)
    (status,) = statuses([settings().consumer("crm")], "default", without_lag())
    assert status.unhandled == {"shop.order.payd": 3}, "the other one has a handler by now"
    assert status.handlers["shop.order.paid"].startswith("consumers.crm.handlers.")
    report = read([settings().consumer("crm")], "default", Thresholds(), without_lag())
    assert ["crm", "shop.order.payd", "3", "shop.order.paid"] in [
        row for t in report.tables for row in t.rows
    ]


@pytest.mark.parametrize(
    ("type_", "meant"),
    [("shop.order.placed", "shop.order.placd"), ("shop.order.gone", ""), ("x", "")],
)
def test_a_type_like_a_handled_one_is_named(type_: str, meant: str) -> None:
    assert alike(type_, {"shop.order.placd", "billing.invoice"}) == meant


def test_ignored_type_that_has_a_handler_is_an_error() -> None:
    consumer = ConsumerSettings(name="x", topics=("t",), ignore=("a.*",))
    assert [message.id for message in checks._check_ignored(consumer, ["a.b", "c"])] == ["inbox.E011"]


@pytest.mark.parametrize(
    ("sql", "is_one"),
    [
        ("SELECT 1", False),
        (" -- a comment\n /* and */ select 1", False),
        ("(SELECT 1) UNION (SELECT 2)", False),
        ("SELECT * FROM t FOR UPDATE", False),
        ("WITH x AS (SELECT 1) SELECT * FROM x FOR NO KEY UPDATE", False),
        ("SAVEPOINT s", False),
        ("INSERT INTO t VALUES (1)", True),
        ("update t set a = 1", True),
        ("WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", True),
        ("EXPLAIN ANALYZE INSERT INTO t VALUES (1)", True),
        ("TRUNCATE t", True),
        ("CREATE TABLE t ()", True),
        ("COPY t FROM STDIN", True),
    ],
)
def test_what_writes(sql: str, is_one: bool) -> None:
    assert other_databases.writes(sql) is is_one


def test_write_to_another_database_while_a_handler_runs_is_refused(db: None) -> None:
    """The test database plays the other one."""
    with (
        connection.execute_wrapper(other_databases.Guard("default", "events")),
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TEMP TABLE outside (n int)")
        with gathering():
            cursor.execute("SELECT count(*) FROM outside")
            with pytest.raises(WroteElsewhere, match=r"'default'.*INBOX\['OTHER_DATABASES'\]"):
                cursor.execute("INSERT INTO outside VALUES (1)")


async def write_elsewhere() -> None:
    await Processed.objects.acreate(consumer="thread", source="", event_id="1")


def in_a_thread(written: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread that has the context of the handler, as ``asyncio.to_thread`` does."""
    with ThreadPoolExecutor() as pool:
        pool.submit(copy_context().run, asyncio.run, written).result()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("run", [asyncio.run, in_a_thread], ids=["loop", "thread"])
def test_write_of_a_handler_in_another_thread_is_refused(
    effects: Effects, run: Callable[[Any], object]
) -> None:
    """Django's asynchronous methods use a thread, and so another connection, unless async_to_sync() runs
    them: what they write would stay when the event is rolled back, and come again with each attempt.
    """
    effects.fails["writes"] = lambda: run(write_elsewhere())
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    send_steps(consumer, "a", 1)
    send_steps(consumer, "bad", 1, fail="writes")
    send_steps(consumer, "a", 2)
    consumer.drain()
    asyncio.run(sync_to_async(connections.close_all)())
    assert effects.of("a") == [1, 2]
    assert not Processed.objects.filter(consumer="thread").exists()
    assert (
        undecided()
        .get()
        .error.startswith("WroteElsewhere: a handler wrote to database 'default' in another thread")
    )


@pytest.mark.django_db(transaction=True)
def test_asynchronous_code_that_runs_in_the_thread_of_the_handler_is_part_of_its_transaction(
    effects: Effects,
) -> None:
    effects.fails["writes"] = async_to_sync(write_elsewhere)
    consumer = MemoryConsumer("test", handlers=effects.registry)
    send_steps(consumer, "a", 1, fail="writes")
    consumer.drain()
    assert effects.of("a") == [1]
    assert Processed.objects.filter(consumer="thread").count() == 1


def test_router_that_sends_a_model_elsewhere_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from inbox.conf import settings

    assert checks._check_models(settings()) == []
    monkeypatch.setattr("inbox.checks.router.db_for_write", lambda model: "reports")
    found = checks._check_models(settings())
    assert {message.id for message in found} == {"inbox.W001"}
    assert "to database 'reports'" in found[0].msg


def test_query_log_of_debug_does_not_grow(
    consumer: MemoryConsumer, effects: Effects, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command's progress forgets it, and the loop reports progress in each round."""
    settings.DEBUG = True  # type: ignore[attr-defined]
    monkeypatch.setattr(consumer.consumer, "_progress", reset_queries)
    lengths: list[int] = []
    for number in range(20):
        send_steps(consumer, "a", number)
        consumer.consumer.tick()
        lengths.append(len(connection.queries_log))
    assert 0 < lengths[-1] <= 2 * lengths[1], "without that, ten times as many"
