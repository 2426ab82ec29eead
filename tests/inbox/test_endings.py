"""A handler cannot end the transaction that it shares with the other events of its batch."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import nullcontext, suppress

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from psycopg.sql import SQL

import inbox
from inbox.errors import EffectsLost
from inbox.handling.endings import CHECKS, ENDED, RESETS, refuse
from inbox.handling.statements import is_plain
from inbox.models import HeldEvent, Processed
from inbox.testing import MemoryConsumer, SkippedTime
from tests.inbox.conftest import Effects, Step, commit_and_catch_the_error, executing, send_steps, undecided


@pytest.mark.parametrize(
    ("sql", "is_one"),
    [
        ("COMMIT", True),
        ("commit", True),
        ("Rollback Work", True),
        ("ABORT", True),
        ("END TRANSACTION", True),
        ("BEGIN", True),
        ("START  TRANSACTION", True),
        ("PREPARE TRANSACTION 'x'", True),
        ("ROLLBACK AND CHAIN", True),
        ("  -- a remark\n\tCOMMIT", True),
        ("/* a remark,\n of two lines */ COMMIT", True),
        ("SELECT 1; COMMIT", True),
        ("SELECT 1;\n-- a remark\nROLLBACK; BEGIN", True),
        ("SELECT 'it''s'; COMMIT", True),
        (r"SELECT E'\''; COMMIT", True),
        ("SELECT $$;$$; COMMIT", True),
        ("SAVEPOINT s", False),
        ("RELEASE SAVEPOINT s", False),
        ("ROLLBACK TO SAVEPOINT s", False),
        ("rollback work to s", False),
        ("SELECT 1; SAVEPOINT s; ROLLBACK TO s", False),
        ("SELECT 1", False),
        (400 * "/**/" + "SELECT 1", False),
        ("UPDATE commits SET n = 1", False),
        ("SELECT 'a; COMMIT'", False),
        (r"SELECT E'a\'; COMMIT'", False),
        ('SELECT 1 AS "; COMMIT"', False),
        ("SELECT 1 -- ; COMMIT", False),
        ("SELECT 1 /* ; COMMIT */", False),
        ("DO $body$ BEGIN NULL; END; $body$", False),
        ("SELECT CASE WHEN true THEN 1 END; SELECT 2", False),
    ],
)
def test_what_ends_a_transaction(sql: str, is_one: bool) -> None:
    with pytest.raises(EffectsLost, match=re.escape(ENDED)) if is_one else nullcontext():
        refuse(sql)
    assert not (is_one and is_plain(sql))


def held_alone(consumer: MemoryConsumer, effects: Effects, fails: Callable[[], object]) -> HeldEvent:
    """What is held when a handler does this between events of another key, which are handled."""
    effects.fails["it"] = fails
    send_steps(consumer, "a", 1)
    send_steps(consumer, "bad", 1, fail="it")
    send_steps(consumer, "a", 2)
    consumer.drain()
    assert effects.of("a") == [1, 2]
    (row,) = undecided()
    assert row.event_id == "bad-1"
    return row


@pytest.mark.parametrize("sql", [b"COMMIT", SQL("{} {}").format(SQL("ROLLBACK"), SQL("WORK"))], ids=repr)
def test_a_statement_need_not_be_text(consumer: MemoryConsumer, effects: Effects, sql: object) -> None:
    row = held_alone(consumer, effects, executing(sql))
    assert row.error.startswith("EffectsLost:")


ENDINGS = ["ROLLBACK", "COMMIT", "ABORT", "END", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "ROLLBACK; BEGIN"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("swallowed", [False, True], ids=["", "and catches the error"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_handler_that_ends_the_transaction_costs_only_its_own_event(
    effects: Effects, ending: str, swallowed: bool
) -> None:
    def end() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(ending)
        except DatabaseError:
            if not swallowed:
                raise
        Processed.objects.create(consumer="early", source="", event_id="1")

    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails["end"] = end
    send_steps(consumer, "a", 1, 2)
    send_steps(consumer, "bad", 1, fail="end")
    send_steps(consumer, "a", 3)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([1, 2, 3], [1])
    assert not Processed.objects.filter(consumer="early").exists()
    row = undecided().get()
    assert row.event_id == "bad-1"
    assert row.error.startswith("EffectsLost: a handler ended the transaction")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "end",
    [
        lambda: connection.connection.rollback(),
        lambda: connection.connection.commit(),
        lambda: connection.connection.close(),
        lambda: connection.close(),
        lambda: connection.rollback(),
        lambda: connection.commit(),
        lambda: transaction.set_autocommit(True),
    ],
    ids=["rollback", "commit", "close", "Django close", "Django rollback", "Django commit", "autocommit"],
)
def test_handler_that_ends_it_through_the_connection_costs_only_its_own_event(
    effects: Effects, end: Callable[[], object]
) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    held_alone(consumer, effects, end)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "check",
    [executing("SELECT 1; SET CONSTRAINTS ALL IMMEDIATE"), connection.check_constraints],
    ids=["SQL", "Django"],
)
def test_a_check_of_all_constraints_is_refused_for_what_it_is(
    effects: Effects, check: Callable[[], object]
) -> None:
    """It would also check the constraint of the inbox, which holds only at the end."""
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    assert CHECKS in held_alone(consumer, effects, check).error


@pytest.mark.parametrize("reset", ["RESET ALL", "SELECT 1; -- a remark\nreset  all"])
def test_a_reset_of_all_settings_is_refused_for_what_it_is(
    consumer: MemoryConsumer, effects: Effects, reset: str
) -> None:
    """Django sets some when it connects, and custom ones are in no list from which they could be restored."""
    assert RESETS in held_alone(consumer, effects, executing(reset)).error


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("rollback", "commit"),
    [
        ("ROLLBACK", "COMMIT"),
        ("/* a remark */ ROLLBACK", "/* a remark */ COMMIT"),
        ("SELECT 1; ROLLBACK; BEGIN", "SELECT 1; COMMIT"),
    ],
)
def test_a_commit_behind_a_rollback_commits_nothing(effects: Effects, rollback: str, commit: str) -> None:
    """After the ROLLBACK of one handler, PostgreSQL would let the COMMIT of another one succeed."""
    consumer = MemoryConsumer(
        "test", handlers=effects.registry, raises=False, time=SkippedTime(stop_after=500)
    )
    effects.fails |= {"rollback": executing(rollback), "commit": executing(commit)}
    send_steps(consumer, "a", 1)
    send_steps(consumer, "one", 1, fail="rollback")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "two", 1, fail="commit")
    send_steps(consumer, "a", 3)
    consumer.drain()
    assert effects.of("a") == [1, 2, 3]
    assert (effects.of("one"), effects.of("two")) == ([], [])
    assert {row.event_id for row in undecided()} == {"one-1", "two-1"}


def write_early(consumer: str = "early") -> None:
    Processed.objects.create(consumer=consumer, source="", event_id=secrets.token_hex(8))


def copy_early() -> None:
    session = connection.connection
    with session.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write_row(("early", "", "1"))


def write_in_a_loop() -> None:
    for _ in [*Processed.objects.iterator(), None]:
        write_early()


_COPY = "COPY inbox_processed (consumer, source, event_id) FROM STDIN"
_EARLY = (
    "INSERT INTO inbox_processed (consumer, source, event_id) VALUES ('early', '', %s) RETURNING event_id"
)
ENDS: dict[str, Callable[[], object]] = {
    "rollback": lambda: connection.connection.rollback(),
    "commit": commit_and_catch_the_error,
    "ROLLBACK": lambda: connection.connection.execute("ROLLBACK"),
    "COMMIT": lambda: connection.connection.execute("SELECT 1; COMMIT", prepare=False),
}
WRITES: dict[str, Callable[[], object]] = {
    "of Django": write_early,
    "of a loop": write_in_a_loop,
    "of psycopg": lambda: connection.connection.execute(_EARLY, [secrets.token_hex(8)]),
    "of many rows": lambda: connection.connection.cursor().executemany(_EARLY, [["1"], ["2"]]),
    "of a stream": lambda: [*connection.connection.cursor().stream(_EARLY, ["1"])],
    "of COPY": copy_early,
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("swallowed", [False, True], ids=["", "and catches errors"])
def test_what_a_handler_writes_behind_the_end_of_the_transaction_does_not_begin_another_one(
    effects: Effects, end: Callable[[], object], write: Callable[[], object], swallowed: bool
) -> None:
    """That one could be committed, with the effects of the events that follow."""

    def misbehave() -> None:
        for deed in (end, write, end):
            with suppress(psycopg.Error, DatabaseError, *([EffectsLost] if swallowed else [])):
                deed()

    consumer = MemoryConsumer(
        "test", handlers=effects.registry, raises=False, time=SkippedTime(stop_after=500)
    )
    effects.fails |= {"one": misbehave, "two": misbehave}
    send_steps(consumer, "a", 1)
    send_steps(consumer, "one", 1, fail="one")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "two", 1, fail="two")
    send_steps(consumer, "a", 3)
    consumer.drain()
    assert effects.of("a") == [1, 2, 3]
    assert not Processed.objects.filter(consumer="early").exists()
    assert {row.event_id for row in undecided()} == {"one-1", "two-1"}
    # Django refuses the next statement behind a refused one.
    reasons = {"EffectsLost", "TransactionManagementError"} if swallowed else {"EffectsLost"}
    assert {row.error.partition(":")[0] for row in undecided()} <= reasons


class Ending(inbox.Batch):
    """Rows that are written with a statement that ends the transaction."""

    sql = ""

    def write(self) -> None:
        executing(self.sql)()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sql", ["COMMIT", "ROLLBACK"])
def test_neither_can_the_write_of_a_batch(
    effects: Effects, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.setattr(Ending, "sql", sql)

    @effects.registry.handler("test.ending")
    def end(step: Step) -> None:
        Processed.objects.create(consumer="early", source="", event_id="1")
        Ending.current()

    consumer = MemoryConsumer(
        "test", handlers=effects.registry, raises=False, time=SkippedTime(stop_after=500)
    )
    send_steps(consumer, "a", 1)
    consumer.send("test.ending", {"number": 1}, key="bad", event_id="bad-1")
    send_steps(consumer, "a", 2)
    consumer.drain()
    assert effects.of("a") == [1, 2]
    assert not Processed.objects.filter(consumer="early").exists()
    assert [(row.event_id, row.error.partition(":")[0]) for row in undecided()] == [("bad-1", "EffectsLost")]
