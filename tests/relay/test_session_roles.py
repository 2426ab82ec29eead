"""A role that cannot do or see what a relay must, is refused with the statement that helps."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from outbox import status
from outbox.log.privileges import RELAY, pairs
from relay.condition import State
from relay.log.session import Session
from relay.publishers.memory import MemoryPublisher
from tests.relay.clusters import Place
from tests.relay.conftest import running
from tests.relay.places import SEQUENCE, emit, granted, place, refusal, template
from tests.waiting import wait_until

__all__ = ["place", "template"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("table", ["outbox_event", "outbox_checkpoint", "outbox_hold"])
def test_row_level_security_that_hides_rows_is_refused(place: Place, table: str) -> None:
    role = granted(place)
    place.execute(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", f"CREATE POLICY hidden ON {table} USING (false)"
    )
    with place.is_default(user=role):
        with closing(Session("default")) as session:
            assert f"ALTER ROLE {role} BYPASSRLS" in refusal(session).remedy
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.connection.execute(f"SELECT FROM {table}").fetchall()
        report = status.read()
        assert (report.state, report.exit_code) == (status.State.REFUSED, 2)
    place.execute(f"ALTER ROLE {role} BYPASSRLS")
    with place.is_default(user=role), closing(Session("default")) as session:
        session.prove()


def test_row_level_security_of_a_table_that_the_role_does_not_read_is_no_matter(place: Place) -> None:
    role = granted(place)
    place.execute(
        "CREATE TABLE outbox_notes (id int)",
        "ALTER TABLE outbox_notes ENABLE ROW LEVEL SECURITY",
    )
    with place.is_default(user=role), closing(Session("default")) as session:
        session.prove()


def test_a_missing_grant_is_named_as_the_statement_that_gives_it(place: Place) -> None:
    role = granted(place)
    with place.is_default(user=role), closing(Session("default")) as session:
        for table, privilege in zip(*pairs(RELAY), strict=True):
            place.execute(f"REVOKE {privilege} ON {table} FROM {role}")
            remedy = refusal(session).remedy
            assert remedy == f"GRANT {privilege} ON {table} TO {role};"
            place.execute(remedy)
            session.prove()
        place.execute(f"REVOKE SELECT ON SEQUENCE {SEQUENCE} FROM {role}")
        assert refusal(session).remedy == f"GRANT SELECT ON SEQUENCE {SEQUENCE} TO {role};"


def test_a_relay_that_is_refused_says_so_where_it_is_looked_for(place: Place) -> None:
    """It beats, so that the status shows why; and goes on by itself once it is cured."""
    role = granted(place)
    place.execute(f"REVOKE INSERT ON outbox_checkpoint FROM {role}")
    broker = MemoryPublisher()
    with place.is_default():
        emit("a")
    with place.is_default(user=role), running(broker) as relay:
        wait_until(lambda: relay.state is State.DEGRADED, 60, "the relay is refused")
        assert "GRANT INSERT ON outbox_checkpoint" in relay.condition.detail
        assert any("GRANT INSERT" in problem.text for problem in status.read().problems)
        place.execute(f"GRANT INSERT ON outbox_checkpoint TO {role}")
        wait_until(lambda: broker.records, 60, "the relay goes on")
