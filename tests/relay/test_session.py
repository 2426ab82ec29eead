"""A session on the log sees what writers see, whatever roles, databases, backends and poolers make of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.test import override_settings
from pytest_django import DjangoDbBlocker

import outbox
from devstack.errors import Unavailable
from devstack.postgres import Cluster
from outbox import status
from outbox.checks.setup import check_databases
from outbox.errors import LogUnsafe
from outbox.log.privileges import RELAY, pairs
from outbox.models import OutboxEvent, Shard
from outbox.operations import retention
from outbox.operations.resharding import rebase, reshard
from outbox_core.wire.encode import BinaryEncoder
from relay.condition import State
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.log.session import Session
from relay.publishers.memory import MemoryPublisher
from tests.relay.clusters import Place
from tests.relay.conftest import Desk, running
from tests.testapp.events import Note
from tests.torture.pooler import Pooler
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "500",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "500",
    "idle_session_timeout": "500",
    "synchronous_commit": "off",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "jit_above_cost": "0",
    "datestyle": "'SQL, DMY'",
    "timezone": "'Asia/Kathmandu'",
    "search_path": "nowhere, public",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
}


@pytest.fixture(scope="module")
def template(
    postgres: Cluster | None, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Place]:
    if postgres is None:
        pytest.skip("needs a PostgreSQL of its own, whose roles may be changed")
    place = Place(postgres, f"template_{secrets.token_hex(4)}")
    with django_db_blocker.unblock():
        place.migrate()
    yield place
    Place(postgres, "postgres").execute(f"DROP DATABASE {place.name} WITH (FORCE)")


@pytest.fixture
def place(template: Place) -> Iterator[Place]:
    """A database of its own, with an outbox in ``public``; roles that are named after it go with it."""
    place = Place(template.server, f"log_{secrets.token_hex(4)}")
    admin = Place(template.server, "postgres")
    admin.execute(f"CREATE DATABASE {place.name} TEMPLATE {template.name}")
    yield place
    admin.execute(f"DROP DATABASE {place.name} WITH (FORCE)")
    with psycopg.connect(admin.url, autocommit=True) as own:
        roles = own.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", [f"{place.name}%"])
        for (role,) in roles.fetchall():
            own.execute(f"DROP ROLE {role}")


def granted(place: Place, role: str = "relay") -> str:
    """A role that may log in and do what a relay does; its name."""
    name = f"{place.name}_{role}"
    grants = [f"GRANT {privileges} ON {table} TO {name}" for table, privileges in RELAY.items()]
    grants.append(f"GRANT SELECT ON SEQUENCE {SEQUENCE} TO {name}")
    place.execute(f"CREATE ROLE {name} LOGIN", *grants)
    return name


def emit(name: str) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
        outbox.emit(Note(name))


def drained() -> list[str]:
    """What a relay publishes now, by key."""
    with closing(Desk(RelaySettings())) as desk:
        desk.drain()
        desk.shard.lease.release(desk.session)
        return [record.key.decode() for record in desk.broker.records]


def refusal(session: Session) -> LogUnsafe:
    with pytest.raises(LogUnsafe) as caught:
        session.prove()
    return caught.value


def test_the_schema_of_the_settings_holds_for_writers_and_readers(place: Place) -> None:
    """Another outbox, which the search_path finds, is neither read nor written by anybody."""
    with place.is_default():
        emit("in public")
    place.execute("CREATE SCHEMA app")
    with place.is_default(options="-c search_path=app"):
        migrate_outbox()
    with place.is_default(), override_settings(OUTBOX={"SOURCE": "/test", "SCHEMA": "app"}):
        emit("in app")
        assert status.read().pending == 1
        assert [event.key for event in OutboxEvent.objects.pending()] == ["in app"]
        with closing(Session("default")) as session:
            session.prove()
        assert drained() == ["in app"]
        assert status.read().pending == 0
        assert reshard("default", 2).renumbered == 0
        assert Shard.objects.count() == 2
        assert rebase("default", 3600.0).renumbered == 1
        reshard("default", 1)
        assert drained() == ["in app"]
        assert [piece.deleted for piece in retention.prune(older_than=timedelta())] == [1]
        assert not OutboxEvent.objects.exists()
    with place.is_default():
        assert [event.key for event in OutboxEvent.objects.all()] == ["in public"]
        assert Shard.objects.count() == 1
        assert drained() == ["in public"]


def migrate_outbox() -> None:
    call_command("migrate", "outbox", verbosity=0)
    OutboxEvent.objects.all().delete()


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
        *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in ("outbox_notes", "outbox_ledger")),
    )
    with place.is_default(user=role), closing(Session("default")) as session:
        session.prove()


def test_assume_role_applies(place: Place) -> None:
    role = granted(place)
    place.execute(f"CREATE ROLE {place.name}_login LOGIN", f"GRANT {role} TO {place.name}_login")
    place.execute(f"ALTER ROLE {place.name}_login NOINHERIT")
    with place.is_default():
        emit("a")
    with place.is_default(user=f"{place.name}_login", assume_role=role):
        with closing(Session("default")) as session:
            session.prove()
            assert session.read("SELECT current_user::text", {}) == [(role,)]
        assert drained() == ["a"]


def test_receivers_of_connection_created_apply(place: Place) -> None:
    place.execute("CREATE SCHEMA tenant")
    with place.is_default(options="-c search_path=tenant"):
        migrate_outbox()
        emit("of the tenant")

    def choose(connection: Any, **_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = tenant")

    connection_created.connect(choose)
    try:
        with place.is_default():
            assert drained() == ["of the tenant"]
    finally:
        connection_created.disconnect(choose)


def test_a_pool_of_django_is_left_alone(place: Place) -> None:
    pytest.importorskip("psycopg_pool")
    with place.is_default(pool=True):
        assert drained() == []


@pytest.fixture(params=["direct", "PgBouncer"])
def port(request: pytest.FixtureRequest, template: Place) -> Iterator[int]:
    """Where the relay connects to."""
    if request.param == "direct":
        yield template.server.port
        return
    try:
        pooler = Pooler(template.server.port)
    except Unavailable as error:
        pytest.skip(str(error))
    with closing(pooler):
        yield pooler.port


def test_defaults_of_the_database_do_not_reach_the_log(place: Place, port: int) -> None:
    with place.is_default():
        emit("a")
    place.execute(*(f"ALTER DATABASE {place.name} SET {name} = {value}" for name, value in HOSTILE.items()))
    with place.is_default(port=port):
        with closing(Session("default", statement_seconds=7.0)) as session:
            session.prove()
            shown = session.read(SHOWN, {"names": list(HOSTILE)})
            assert dict(shown) == {**EXPECTED, "statement_timeout": "7s"}
            assert session.read("SELECT pg_sleep(0.6)", {})
            assert session.read("SHOW transaction_isolation", {}) == [("read committed",)]
            assert session.read("SHOW transaction_read_only", {}) == [("off",)]
        assert drained() == ["a"]
        assert status.read().state is status.State.NO_RELAY
        assert reshard("default", 2).renumbered == 0
        assert rebase("default", 3600.0).renumbered == 1
        reshard("default", 1)
        assert drained() == ["a"]
        assert [piece.deleted for piece in retention.prune(older_than=timedelta())] == [1]


SHOWN = "SELECT name, current_setting(name) FROM unnest(%(names)s::text[]) AS name"
EXPECTED = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "7s",
    "idle_session_timeout": "0",
    "synchronous_commit": "on",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
    "jit_above_cost": "0",
    "datestyle": "ISO, MDY",
    "timezone": "UTC",
    "search_path": '"public"',
    "array_nulls": "on",
    "quote_all_identifiers": "off",
}

SEQUENCE = "public.outbox_event_id_seq"
DAMAGES = {
    "cache": f"ALTER SEQUENCE {SEQUENCE} CACHE 20",
    "increment": f"ALTER SEQUENCE {SEQUENCE} INCREMENT -1",
    "cycle": f"ALTER SEQUENCE {SEQUENCE} CYCLE",
    "behind": f"SELECT setval('{SEQUENCE}', 1)",
    "behind, not yet called": f"ALTER SEQUENCE {SEQUENCE} RESTART WITH 2",
    "logged": "ALTER TABLE outbox_incarnation SET LOGGED",
    "index": "DROP INDEX outbox_event_xid",
    "default": "ALTER TABLE outbox_event ALTER COLUMN xid DROP DEFAULT",
    "default of a checkpoint": "ALTER TABLE outbox_checkpoint ALTER COLUMN xid SET DEFAULT '3'",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_would_lose_or_reorder_events_is_refused_and_the_remedy_cures_it(
    place: Place, damage: str
) -> None:
    with place.is_default():
        for name in "abc":
            emit(name)
        place.execute(DAMAGES[damage])
        with closing(Session("default")) as session:
            remedy = refusal(session).remedy
            report = status.read()
            assert (report.state, report.exit_code) == (status.State.REFUSED, 2)
            assert report.problems[0].remedy == remedy
            place.execute(remedy.partition("; then")[0].rstrip(";"))
            session.prove()
        assert status.read().state is not status.State.REFUSED


def test_a_sequence_that_is_ahead_of_its_table_is_well(place: Place) -> None:
    place.execute(f"SELECT setval('{SEQUENCE}', 500, false)")
    with place.is_default(), closing(Session("default")) as session:
        session.prove()
        emit("a")
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
        wait_until(lambda: relay.state is State.DEGRADED, 10, "the relay is refused")
        assert "GRANT INSERT ON outbox_checkpoint" in relay.condition.detail
        assert any("GRANT INSERT" in problem.text for problem in status.read().problems)
        place.execute(f"GRANT INSERT ON outbox_checkpoint TO {role}")
        wait_until(lambda: broker.records, 10, "the relay goes on")


def test_a_relay_that_only_drains_ends_with_the_refusal(place: Place) -> None:
    place.execute(DAMAGES["cache"])
    relay = Relay("default", RelaySettings(), MemoryPublisher(), BinaryEncoder("/test"))
    with place.is_default(), pytest.raises(LogUnsafe):
        relay.run(drain=True)


@pytest.mark.parametrize("damage", ["cache", "behind", "logged", "index"])
def test_the_check_of_the_database_says_what_a_relay_would_refuse(place: Place, damage: str) -> None:
    with place.is_default():
        for name in "abc":
            emit(name)
        assert not [each for each in check_databases(["default"]) if each.id != "outbox.W010"]
        place.execute(DAMAGES[damage])
        (error,) = [each for each in check_databases(["default"]) if each.id == "outbox.E012"]
        assert error.hint


CHANGERS = """
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER changer BEFORE INSERT ON outbox_event FOR EACH ROW EXECUTE FUNCTION change();
"""


@pytest.mark.parametrize(
    ("doubt", "word"),
    [
        (CHANGERS, "changer"),
        ("CREATE RULE dropper AS ON INSERT TO outbox_event DO INSTEAD NOTHING", "dropper"),
        ("ALTER TABLE outbox_event ALTER COLUMN created_at SET DEFAULT now()", "created_at"),
    ],
)
def test_what_may_change_events_unseen_is_shown(place: Place, doubt: str, word: str) -> None:
    with place.is_default():
        place.execute(doubt)
        assert [
            each for each in check_databases(["default"]) if word in each.msg and each.id == "outbox.W010"
        ]
        (problem,) = [each for each in status.read().problems if word in each.text]
        assert problem.state is status.State.DEGRADED


def test_several_outboxes_without_a_chosen_schema_are_shown(place: Place) -> None:
    place.execute("CREATE SCHEMA app")
    with place.is_default(options="-c search_path=app"):
        migrate_outbox()
    with place.is_default():
        assert any("several outboxes" in each.msg for each in check_databases(["default"]))
