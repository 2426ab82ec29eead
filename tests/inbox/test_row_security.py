"""Row level security that hides rows of the inbox: later events would pass a held one that is not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from inbox.conf import settings as inbox_settings
from inbox.doctor.database import DatabaseSteps
from inbox.management.commands.run_consumer import wait_for_database
from inbox.memory import MemoryLog, MemorySource
from inbox.models import HeldEvent, InHand
from inbox.status.heartbeat import Heartbeat
from inbox.status.outages import Outages
from inbox.testing import MemoryConsumer, SkippedTime
from outbox_core.operations.doctor.step import Outcome, Result
from outbox_core.process.command import Process
from outbox_core.process.stopping import StopToken
from tests.checking import run_checks
from tests.inbox.conftest import Effects, execute, raising, send_steps

Hide = Callable[..., None]


@pytest.fixture
def hide(role: str) -> Iterator[Hide]:
    """Switches row level security on for a table, with a policy that shows the role only these rows."""
    tables = []

    def switch_on(table: str, shows: str = "false") -> None:
        tables.append(table)
        execute(
            "RESET ROLE",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY hides ON {table} USING ({shows}) WITH CHECK (true)",
            f"SET ROLE {role}",
        )

    yield switch_on
    execute("RESET ROLE")
    for table in tables:
        execute(f"DROP POLICY hides ON {table}", f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


@pytest.fixture
def hidden(role: str, hide: Hide) -> str:
    """The role, from which a policy hides held events."""
    hide("inbox_held")
    return role


def remedy(role: str, table: str) -> str:
    return f"{table} from.*ALTER ROLE {role} BYPASSRLS; or ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"


def test_run_consumer_is_refused(hidden: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=remedy(hidden, "inbox_held")):
        wait_for_database(inbox_settings(), "crm", Process(StopToken(), lambda: None))


def test_check_and_doctor_report_it(hidden: str) -> None:
    assert "inbox.E016" in [check.id for check in run_checks(databases=["default"])]
    step = next(step for step in DatabaseSteps("default").all() if step.name == "grants")
    result = Result.of("grants", list(step.look()), 0.0)
    assert result.outcome is Outcome.FAILED
    assert "BYPASSRLS" in result.findings[0].remedy


def test_who_sees_all_rows_is_not_refused(hidden: str) -> None:
    execute("RESET ROLE")
    wait_for_database(inbox_settings(), "crm", Process(StopToken(), lambda: None))
    assert "inbox.E016" not in [check.id for check in run_checks(databases=["default"])]


@pytest.mark.parametrize(
    ("table", "shows"),
    [
        ("inbox_held", "false"),
        ("inbox_offset", "false"),
        ("inbox_processed", "event_id <> 'a-1'"),  # PostgreSQL refuses to insert notes that are hidden
        ("inbox_unit", "false"),
    ],
)
def test_it_is_noticed_before_an_event_passes_a_held_one(
    role: str, hide: Hide, poisoned: MemoryConsumer, effects: Effects, table: str, shows: str
) -> None:
    """It is switched on while the consumer runs. No event is handled, and none is blamed."""
    hide(table, shows)
    send_steps(poisoned, "a", 4)
    send_steps(poisoned, "b", 3)
    before = len(effects.calls)
    with pytest.raises(ImproperlyConfigured, match=remedy(role, table)):
        poisoned.drain()
    execute("RESET ROLE")
    assert (len(effects.calls), effects.of("a"), effects.of("b")) == (before, [1], [1, 2])
    assert [held.event_id for held in HeldEvent.objects.waiting()] == ["a-2", "a-3"]
    assert not InHand.objects.exists(), "the next process suspects none of them"


class HidingTime(SkippedTime):
    """Calls ``hide`` in the pause with this number, and ends the consumer a while later."""

    def __init__(self, number: int, hide: Callable[[], None]) -> None:
        super().__init__(stop_after=100)
        self._number, self._hide = number, hide

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        if self.sleeps == self._number:
            self._hide()


@pytest.mark.parametrize("number", [20, 21])
def test_it_is_noticed_while_every_handler_fails(
    role: str,
    hide: Hide,
    consume: Callable[..., MemoryConsumer],
    effects: Effects,
    settings: Settings,
    number: int,
) -> None:
    """New and held events are tried in turns then, and each failure looks like one of the outage."""
    settings.INBOX = {**settings.INBOX, "HEARTBEAT_SECONDS": 86_400}
    time = HidingTime(number, lambda: hide("inbox_unit"))
    consumer = consume(time)
    effects.fails["fail"] = raising(ConnectionError())
    for key in "abc":
        send_steps(consumer, key, 1, fail="fail")
    with pytest.raises(ImproperlyConfigured, match=remedy(role, "inbox_unit")):
        consumer.poll()


@pytest.mark.parametrize("table", ["inbox_held", "inbox_pause", "inbox_operation", "inbox_in_hand"])
def test_an_idle_consumer_notices_it_with_its_next_heartbeat(role: str, hide: Hide, table: str) -> None:
    """Otherwise held events would not be tried again, and a pause would not be heeded."""
    source = MemorySource(MemoryLog(), ("test",), "test")
    heartbeat = Heartbeat("test", source, Outages("test"), lambda: 0, every=0.0)
    heartbeat.beat()
    heartbeat.beat()
    hide(table)
    with pytest.raises(ImproperlyConfigured, match=remedy(role, table)):
        heartbeat.beat()


def test_a_handler_has_the_row_level_security_of_its_own_tables(
    role: str, hide: Hide, consumer: MemoryConsumer, effects: Effects
) -> None:
    seen: list[int] = []

    def count() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM django_migrations")
            seen.extend(cursor.fetchone())

    effects.fails["count"] = count
    hide("django_migrations")
    send_steps(consumer, "a", 1, fail="count")
    consumer.drain()
    assert (seen, effects.of("a")) == ([0], [1])
