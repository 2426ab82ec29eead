"""What a handler leaves open ends with its event: later, it would undo the effects of other events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import DatabaseError, connection, transaction

import inbox
from inbox.handling.savepoints import Savepoints
from inbox.models import Processed
from inbox.testing import MemoryConsumer, SkippedTime
from tests.inbox.conftest import Effects, executing, logged, raising, send_steps, undecided

pytestmark = pytest.mark.django_db(transaction=True)


def in_a_block() -> Iterator[None]:
    with transaction.atomic():
        yield


def in_a_block_of_psycopg() -> Iterator[None]:
    with connection.connection.transaction():
        yield


def never_left() -> None:
    transaction.atomic().__enter__()


def in_a_copy() -> Iterator[None]:
    with connection.connection.cursor() as cursor, cursor.copy("COPY inbox_processed FROM STDIN"):
        yield


def in_rows_that_are_read_one_by_one() -> Iterator[None]:
    with connection.connection.cursor() as cursor:
        for _ in cursor.stream("SELECT generate_series(1, 100000)"):
            yield


@pytest.fixture
def memory(effects: Effects) -> MemoryConsumer:
    return MemoryConsumer("test", handlers=effects.registry, raises=False, time=SkippedTime(stop_after=500))


@pytest.mark.parametrize("block", [in_a_block, in_a_block_of_psycopg], ids=["Django", "psycopg"])
@pytest.mark.parametrize("failing", [False, True], ids=["", "and fails"])
def test_a_block_that_a_handler_leaves_open_costs_only_its_own_event(
    effects: Effects, memory: MemoryConsumer, block: Callable[[], Iterator[None]], failing: bool
) -> None:
    """A generator that waits within a block ends it when it is deleted, with a rollback."""
    begun: list[int] = []
    waiting: list[Iterator[None]] = []

    def begin() -> None:
        if not begun:
            waiting.append(block())
            next(waiting[-1])
        begun.append(1)
        if failing or len(begun) > 1:
            raise ValueError("fails")

    effects.fails |= {"begin": begin, "end": waiting.clear}
    send_steps(memory, "a", 1)
    send_steps(memory, "bad", 1, fail="begin")
    send_steps(memory, "a", 2)
    send_steps(memory, "b", 1, fail="end")
    send_steps(memory, "a", 3)
    memory.drain()
    connection.close()
    assert (effects.of("a"), effects.of("b"), effects.of("bad")) == ([1, 2, 3], [1], [])
    assert undecided().get().event_id == "bad-1"


@pytest.mark.parametrize("block", [in_a_copy, in_rows_that_are_read_one_by_one], ids=["COPY", "stream"])
def test_a_statement_that_a_handler_leaves_running_costs_only_its_own_event(
    effects: Effects, memory: MemoryConsumer, block: Callable[[], Iterator[None]]
) -> None:
    """No other one can run behind it, not even a ROLLBACK."""
    waiting: list[Iterator[None]] = []

    @effects.registry.handler("test.leave")
    def leave(event: inbox.Event) -> None:
        waiting.append(block())
        next(waiting[-1])

    memory.restart()
    send_steps(memory, "a", 1)
    memory.send("test.leave", key="bad")
    send_steps(memory, "a", 2)
    memory.drain()
    assert effects.of("a") == [1, 2]
    assert "within a statement" in undecided().get().error


def test_a_wrapper_of_statements_that_a_handler_leaves_is_the_only_one_that_stays(
    effects: Effects, memory: MemoryConsumer
) -> None:
    """As instrumentation does that installs itself when it is first used."""
    seen: list[str] = []

    def leave(execute: Callable[..., object], sql: str, *rest: object) -> object:
        seen.append(sql)
        return execute(sql, *rest)

    before = [*connection.execute_wrappers]
    effects.fails["leave"] = lambda: connection.execute_wrappers.append(leave)
    try:
        send_steps(memory, "a", 1, fail="leave")
        send_steps(memory, "a", 2)
        memory.drain()
        assert connection.execute_wrappers == [*before, leave]
    finally:
        connection.execute_wrappers[:] = before
    assert effects.of("a") == [1, 2]
    assert seen


def test_a_block_that_is_never_left_keeps_no_other_event_from_its_commit(
    effects: Effects, memory: MemoryConsumer
) -> None:
    effects.fails["open"] = never_left
    send_steps(memory, "a", 1)
    send_steps(memory, "bad", 1, fail="open")
    send_steps(memory, "a", 2)
    memory.drain()
    connection.in_atomic_block = False
    connection.close()
    assert effects.of("a") == [1, 2]
    assert "left a transaction block open" in undecided().get().error


@pytest.mark.parametrize(
    ("leave", "undo"),
    [
        (executing("SAVEPOINT mine"), executing("ROLLBACK TO SAVEPOINT mine")),
        (executing('savepoint "M;ine"'), executing('rollback work to "M;ine"')),
        (executing("SELECT 1; SAVEPOINT mine; SELECT 2"), executing("SELECT 1; ROLLBACK TO mine")),
        (lambda: connection.connection.execute("SAVEPOINT mine"), executing("ROLLBACK TO mine")),
    ],
    ids=["SQL", "quoted", "several statements", "psycopg"],
)
def test_no_event_can_roll_back_to_a_savepoint_of_another_one(
    effects: Effects, memory: MemoryConsumer, leave: Callable[[], object], undo: Callable[[], object]
) -> None:
    effects.fails |= {"leave": leave, "undo": undo}
    send_steps(memory, "a", 1)
    send_steps(memory, "b", 1, fail="leave")
    send_steps(memory, "a", 2)
    send_steps(memory, "bad", 1, fail="undo")
    send_steps(memory, "a", 3)
    memory.drain()
    assert (effects.of("a"), effects.of("b"), effects.of("bad")) == ([1, 2, 3], [1], [])
    assert undecided().get().event_id == "bad-1"


def test_a_savepoint_that_django_made_by_hand_ends_with_its_event(
    effects: Effects, memory: MemoryConsumer
) -> None:
    made: list[str] = []
    effects.fails |= {
        "leave": lambda: made.append(transaction.savepoint()),
        "undo": lambda: transaction.savepoint_rollback(made[-1]),
    }
    send_steps(memory, "b", 1, fail="leave")
    send_steps(memory, "a", 1)
    send_steps(memory, "bad", 1, fail="undo")
    memory.drain()
    assert (effects.of("a"), effects.of("b")) == ([1], [1])
    assert undecided().get().event_id == "bad-1"


def test_savepoints_of_one_event_work(effects: Effects, memory: MemoryConsumer) -> None:
    def recover() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT one; SAVEPOINT two")
            with pytest.raises(DatabaseError):
                cursor.execute("SELECT 1/0")
            cursor.execute("ROLLBACK TO SAVEPOINT one")
            cursor.execute("SAVEPOINT one")
            cursor.execute("RELEASE one")
        with transaction.atomic(), connection.connection.transaction():
            Processed.objects.create(consumer="extra", source="", event_id="1")

    effects.fails["recover"] = recover
    send_steps(memory, "a", 1, fail="recover")
    send_steps(memory, "a", 2)
    memory.drain()
    assert effects.of("a") == [1, 2]
    assert Processed.objects.filter(consumer="extra").count() == 1


@pytest.mark.parametrize(
    ("run", "left"),
    [
        (["SAVEPOINT a", "RELEASE a"], []),
        (["SAVEPOINT a", "SAVEPOINT b", "RELEASE SAVEPOINT a"], []),
        (["SAVEPOINT a", "SAVEPOINT b", "ROLLBACK TO a"], ["a"]),
        (["SAVEPOINT a", "SAVEPOINT A", "RELEASE a"], ["a"]),
        (["SAVEPOINT a", 'SAVEPOINT "A"', 'RELEASE "A"'], ["a"]),
        (["savepoint a; release a; savepoint b"], ["b"]),
        (["/* a remark */ SAVEPOINT a"], ["a"]),
        (["SELECT 'SAVEPOINT a'"], []),
    ],
)
def test_which_savepoints_are_left(run: list[str], left: list[str]) -> None:
    savepoints = Savepoints()
    for sql in run:
        savepoints.note(sql)
    assert savepoints.open == [f'"{name}"' for name in left]


def test_a_function_of_on_commit_that_leaves_a_block_open_keeps_no_event_from_its_commit(
    effects: Effects, memory: MemoryConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    effects.fails["later"] = lambda: transaction.on_commit(never_left)
    send_steps(memory, "a", 1, fail="later")
    memory.poll()
    send_steps(memory, "a", 2)
    memory.poll()
    connection.in_atomic_block = False
    connection.close()
    assert effects.of("a") == [1, 2]
    (line,) = logged(caplog, "on_commit_failed")
    assert "block open" in line.getMessage()


def test_the_error_of_a_handler_that_leaves_a_block_open_is_kept(
    effects: Effects, memory: MemoryConsumer
) -> None:
    def fail() -> None:
        never_left()
        raising(ValueError("the cause"))()

    effects.fails["fail"] = fail
    send_steps(memory, "a", 1, fail="fail")
    memory.drain()
    assert undecided().get().error == "ValueError: the cause"
