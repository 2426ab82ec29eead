"""Operations that relays carry out beside publishing, and commands carry out themselves."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from io import StringIO
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now

from outbox.models import Held, Hold, Ledger, Operation, Shard
from outbox.operations import auditing
from outbox.operations.bulk import AUDIT, operations
from outbox.operations.dividing import order
from outbox.operations.resharding import reshard
from outbox_core.database import own_connection
from outbox_core.operations.bulk import outside
from outbox_core.operations.bulk.carrier import Carrier, OutsideCarrier
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.outside import OutsideWork
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import Step
from outbox_core.operations.bulk.verb import Part
from outbox_core.wire.encode import BinaryEncoder
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.publishers.memory import MemoryPublisher
from tests.people.orders import begun
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 30.0
"""For what takes a moment, on a machine that is busy."""


@pytest.fixture
def held() -> list[Hold]:
    """Three holds with ten events each, which the log no longer has."""
    holds = [Hold.objects.create(scope=Hold.Scope.KEY, topic="t", key=key, reason="poison") for key in "abc"]
    for n in range(30):
        Held.objects.create(hold=holds[n // 10], event_id=10_000 + n, bucket=0)
    return holds


@pytest.fixture
def sessions() -> Iterator[Callable[[], Any]]:
    """Opens other sessions, which are closed at the end."""
    name, base = connection.settings_dict, connection.get_connection_params()
    options = {**base, "dbname": name["NAME"], "cursor_factory": psycopg.Cursor}
    with ExitStack() as stack:
        yield lambda: stack.enter_context(psycopg.connect(**options))


@pytest.fixture
def other_session(sessions: Callable[[], Any]) -> Callable[[Hold], Any]:
    """Locks a hold in another session, until the session is closed."""

    def lock(hold: Hold) -> Any:
        session = sessions()
        session.execute("SELECT FROM outbox_hold WHERE id = %s FOR UPDATE", [hold.pk])
        return session

    return lock


class Listener:
    """A relay in this process, and how often it has heard of an operation."""

    def __init__(self) -> None:
        self.heard = 0
        publisher, encode = MemoryPublisher(), BinaryEncoder("/test")
        self.relay = Relay("default", RelaySettings(), publisher, encode, carry_operations=self._hear)

    def _hear(self) -> None:
        self.heard += 1

    def ask(self) -> None:
        """A turn in which it asks the database for more than events."""
        assert self.relay.connected is not None
        self.relay.connected.coordinator.balance_soon()
        self.relay.turn()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.relay.leave()


def state(pk: int) -> tuple[str, int, int]:
    """Its state, and how many events it and the ledger count."""
    row = Operation.objects.get(pk=pk)
    count = sum(Ledger.objects.by_people().values_list("count", flat=True))
    return row.state, row.done, count


def test_a_relay_killed_within_a_chunk_leaves_the_operation_to_another_one(
    held: list[Hold], other_session: Callable[[Hold], Any], relay: Callable[..., RelayProcess]
) -> None:
    session = other_session(held[1])
    row = begun("discard", rate=10)
    first = relay()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    wait_until(lambda: state(row.pk) == ("running", 10, 10), START_SECONDS, "the first chunk is done")
    wait_until(lambda: session.execute(waits).fetchone()[0], SECONDS, "the second chunk waits for a lock")
    first.end(signal.SIGKILL)
    session.rollback()
    assert Held.objects.waiting().count() == 20
    second = relay()
    wait_until(lambda: state(row.pk) == ("done", 30, 30), START_SECONDS + SECONDS, "the rest is done")
    assert str(second.process.pid) in Operation.objects.get().carried_by
    assert (Held.objects.waiting().count(), Ledger.objects.by_people().get().outcome) == (0, "done")
    assert second.end() == 0


def test_the_relay_that_owns_shard_0_hears_of_an_operation_with_what_it_asks_anyway(
    held: list[Hold], listener: Listener
) -> None:
    listener.relay.turn()
    assert listener.heard == 0
    row = begun("release")
    listener.ask()
    listener.relay.turn()
    assert listener.heard == 1
    operations.pause("default", row.pk, "mara")
    listener.ask()
    assert listener.heard == 1


def test_a_relay_that_does_not_own_shard_0_hears_of_one_that_nobody_carries_out(
    held: list[Hold], listener: Listener
) -> None:
    Shard.objects.update(owner=uuid4(), lease_until=Now() + timedelta(hours=1))
    row = begun("release")
    listener.relay.turn()
    assert listener.heard == 0, "the owner of shard 0 is expected to do it"
    Operation.objects.filter(pk=row.pk).update(due_at=Now() - timedelta(minutes=1))
    listener.ask()
    assert listener.heard == 1


def test_a_carrier_does_all_that_is_running_and_then_has_no_connection(held: list[Hold]) -> None:
    rows = [begun("discard"), begun("release")]
    with Carrier(operations, "default", "relay") as carrier:
        carrier.notice()
        wait_until(lambda: [state(r.pk)[0] for r in rows] == ["done"] * 2, SECONDS, "both are done")
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        with connection.cursor() as cursor:

            def sessions() -> int:
                cursor.execute(mine)
                return int(cursor.fetchone()[0])

            wait_until(lambda: sessions() == 1, SECONDS, "only the test is connected")


def test_a_carrier_survives_a_database_that_goes_away(held: list[Hold]) -> None:
    row = begun("discard", rate=10)
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with Carrier(operations, "default", "relay") as carrier:
        carrier.notice()
        wait_until(lambda: state(row.pk)[1] >= 10, SECONDS, "a chunk is done")
        with connection.cursor() as cursor:
            cursor.execute(cut)

        def ends() -> bool:
            carrier.notice()
            return state(row.pk) == ("done", 30, 30)

        wait_until(ends, SECONDS, "all is done, and counted once")


@pytest.mark.parametrize(("answer", "after"), [("c", "cancelled"), ("", "paused"), ("r", "running")])
def test_who_interrupts_a_command_decides_what_becomes_of_the_operation(
    held: list[Hold], monkeypatch: pytest.MonkeyPatch, answer: str, after: str
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    monkeypatch.setattr("outbox_core.operations.bulk.following.time.sleep", interrupt)
    with pytest.raises(CommandError) as error:
        call_command("outbox_discard", "--all", "--yes", "--reason", "x", "--rate", "10", verbosity=0)
    row = Operation.objects.get()
    assert (error.value.returncode, row.state, row.done) == (130, after, 10)
    assert ("--resume" in str(error.value)) == (after == "paused")


def test_operations_are_listed_and_changed_by_command(
    held: list[Hold], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # no cell is wrapped

    def run(*arguments: object, **options: Any) -> str:
        out = StringIO()
        call_command("outbox_operations", *map(str, arguments), stdout=out, verbosity=0, **options)
        return out.getvalue()

    assert run() == "There are no operations.\n"
    row = begun("discard", reason="sent twice")
    assert "paused" in run(row.pk, pause=True)
    with pytest.raises(CommandError, match="is paused: there is nothing to pause") as error:
        run(row.pk, pause=True)
    assert error.value.returncode == 2
    assert "paused" in run(row.pk, resume=True, dry_run=True)
    assert "Discarded 30 events." in run(row.pk, resume=True)
    with pytest.raises(CommandError, match="is done: there is nothing to cancel"):
        run(row.pk, cancel=True)
    with pytest.raises(CommandError, match="There is no operation 0"):
        run(0)
    assert '"percent": 100' in run(json=True)


def test_a_division_of_the_log_that_takes_long_is_left_to_the_process_that_does_it(
    sessions: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would take the shards from the other, and neither could finish."""
    monkeypatch.setattr(outside, "LEASE_SECONDS", 0.0)
    reshard("default", 4)
    row, writer = operations.begin(order(1, "mara"), "default", 1), sessions()
    writer.execute("LOCK TABLE outbox_event IN SHARE MODE")
    first, second = (Thread(target=carry_outside, args=[row.pk, by], daemon=True) for by in ("one", "two"))
    first.start()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    wait_until(lambda: writer.execute(waits).fetchone()[0], SECONDS, "the first one renumbers events")
    claim = set(Shard.objects.values_list("owner", "epoch"))
    second.start()
    second.join(SECONDS)
    assert not second.is_alive()
    assert set(Shard.objects.values_list("owner", "epoch")) == claim
    writer.rollback()
    first.join(SECONDS)
    row = Operation.objects.get(pk=row.pk)
    assert (row.state, row.error, row.done, Shard.objects.count()) == ("done", "", 1, 1)


def carry_outside(pk: int, by: str) -> None:
    """A part of it, as another process does it."""
    with own_connection("default"):
        OutsideWork(operations, "default", by).carry(only=pk)


def test_an_audit_that_waits_for_its_rate_keeps_no_other_operation_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AUDIT, "work", lambda row, using: Part(Step(done=1_000, after=row.after), {}))
    audit = audited(rate=1.0)
    with OutsideCarrier(operations, "default", "a test") as carrier:
        carrier.notice()
        wait_until(lambda: done(audit), SECONDS, "a part is compared")
        operations.begin(order(2, "mara"), "default", 2)
        wait_until(lambda: Shard.objects.count() == 2, SECONDS, "the log is divided")
        assert done(audit) == 1_000


@pytest.mark.parametrize("deed", ["pause", "cancel"])
def test_an_audit_that_is_stopped_between_two_parts_keeps_nothing_open(
    deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[int] = []
    monkeypatch.setattr(AUDIT, "work", lambda row, using: Part(Step(done=1_000, after=row.after), {}))
    monkeypatch.setattr(AUDIT, "forget", lambda row, using: forgotten.append(row.pk))
    audit = audited(rate=100.0)
    with OutsideCarrier(operations, "default", "a test") as carrier:
        carrier.notice()
        wait_until(lambda: done(audit), SECONDS, "a part is compared")
        getattr(operations, deed)("default", audit.pk, "mara")
        wait_until(lambda: audit.pk in forgotten, SECONDS, "its reader is closed")


def audited(rate: float) -> BulkOperation:
    asked = auditing.order(Selection(all=True), [], "mara", rate=rate)
    return operations.begin(asked, "default", 1)


def done(row: BulkOperation) -> int:
    return Operation.objects.get(pk=row.pk).done
