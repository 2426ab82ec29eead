"""A session on the log sees what writers see, whatever databases, backends and poolers make of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

import outbox
from devstack.errors import Unavailable
from outbox import status
from outbox.models import OutboxEvent, Shard
from outbox.operations import retention
from outbox.operations.resharding import rebase, reshard
from outbox.write import writing
from relay.log.session import Session
from tests.relay.clusters import Place
from tests.relay.places import drained, emit, granted, migrate_outbox, place, template
from tests.testapp.events import Note
from tests.torture.pooler import Pooler

__all__ = ["place", "template"]
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


def test_many_events_are_copied_also_through_a_pooler(place: Place, port: int) -> None:
    names = [str(number) for number in range(writing.MANY)]
    with place.is_default(port=port), CaptureQueriesContext(connection) as queries:
        with transaction.atomic():
            outbox.emit_many([Note(name) for name in names])
        assert any(query["sql"].lstrip().startswith("COPY") for query in queries)
    with place.is_default():
        assert sorted(drained()) == sorted(names)


def test_what_psycopg_makes_of_a_pipeline_that_breaks_is_a_lost_connection(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a pooler it sometimes fails in a queue of its own, and a relay would end with a stack trace."""

    @contextmanager
    def breaks() -> Iterator[None]:
        yield
        session.connection.pgconn.finish()
        raise IndexError("pop from an empty deque")

    with place.is_default(), closing(Session("default")) as session:
        session.pooled = True
        monkeypatch.setattr(session.connection, "pipeline", breaks)
        with pytest.raises(psycopg.OperationalError, match="pop from an empty deque"):
            session.fetch("cluster/renew", {"shards": [], "epochs": [], "owner": str(uuid4()), "ttl": 5.0})


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
