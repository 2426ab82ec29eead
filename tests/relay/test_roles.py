"""Every process does its work with exactly the privileges that docs/how-to/roles.md gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.db.models.signals import post_delete, post_save, pre_delete

import outbox
from outbox import status
from outbox.log.privileges import BACKFILL, HOLDS, RELAY, RETENTION, SHARDS, pairs
from outbox.models import Held, Hold, Operation, OutboxEvent, Shard
from outbox.operations import dividing
from outbox.operations.bulk import operations
from outbox.write import writing
from outbox_core.operations.bulk.outside import OutsideWork
from relay.conf import RelaySettings
from relay.log.session import Session
from relay.publishers.base import Failure, Trouble
from tests.granted import GRANT, PAGE, grants
from tests.outbox.conftest import registered_for_this_test_only
from tests.relay.clusters import Place
from tests.relay.conftest import Desk
from tests.relay.places import place, template
from tests.testapp.events import Note
from tests.testapp.models import Parcel, Tag

__all__ = ["place", "registered_for_this_test_only", "template"]
pytestmark = pytest.mark.django_db(transaction=True)


class Roles:
    """The roles of the page, in a database of their own."""

    def __init__(self, place: Place) -> None:
        self.place = place
        for role in sorted({role for *_, role in GRANT.findall(PAGE)} - {"consumer"}):
            place.execute(f"CREATE ROLE {self.name(role)} LOGIN", *self.grants(role))

    def name(self, role: str) -> str:
        return f"{self.place.name}_{role}"

    def grants(self, role: str) -> list[str]:
        return grants(role, self.name(role))

    def as_(self, role: str) -> Any:
        """Within this, Django connects as a role of the page."""
        return self.place.is_default(user=self.name(role))


@pytest.fixture
def roles(place: Place) -> Iterator[Roles]:
    roles = Roles(place)
    yield roles
    place.execute(
        *(
            f"DROP OWNED BY {roles.name(role)}"
            for role in ("app", "relay", "retention", "operator", "backfill", "autoscaler")
        )
    )


def call(name: str, *arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, **options)
    return out.getvalue()


def emit(*names: str) -> None:
    with transaction.atomic():
        outbox.emit_many([Note(name) for name in names])


@pytest.mark.parametrize(
    ("role", "needs"),
    [("relay", [RELAY]), ("retention", [RETENTION]), ("operator", [HOLDS, SHARDS]), ("backfill", [BACKFILL])],
)
def test_the_page_says_what_an_error_would_ask_for(role: str, needs: list[Mapping[str, str]]) -> None:
    page = PAGE.replace("ON SEQUENCE", "ON sequence")
    given = {
        (table, privilege)
        for many, table, who in GRANT.findall(page)
        if who == role
        for privilege in many.split(", ")
    }
    assert given == {pair for need in needs for pair in zip(*pairs(need), strict=True)}


def test_each_role_can_do_its_work(roles: Roles) -> None:
    with roles.as_("app"):
        emit("a", "poison", "b")
    with roles.as_("relay"), closing(Desk(RelaySettings())) as desk:
        desk.session.prove()
        publish = desk.broker.publish

        def refuse(records: Any) -> Any:
            bad = any(record.key == b"poison" for record in records)
            return [Failure(Trouble.RECORD, "invalid")] * len(records) if bad else publish(records)

        desk.broker.publish = refuse  # type: ignore[method-assign]
        desk.drain()
        desk.shard.roll_up()
        assert [record.key for record in desk.broker.records] == [b"a", b"b"]
        desk.shard.lease.release(desk.session)
    with roles.as_("operator"):
        assert status.read().held == 1
        hold = Hold.objects.get()
        call("outbox_pause", "test.notes")
        call("outbox_resume", "test.notes")
        call("outbox_release", str(hold.pk))
    with roles.as_("relay"), closing(Desk(RelaySettings())) as desk:
        desk.drain()
        assert [record.key for record in desk.broker.records] == [b"poison"]
        assert not Held.objects.exists()
        desk.shard.lease.release(desk.session)
    with roles.as_("operator"):
        call("outbox_shards", "2")
        call("outbox_rebase", margin=0.0)
    with roles.as_("retention"):
        assert call("outbox_prune", older_than=0.0).startswith("Deleted 3")
        assert not OutboxEvent.objects.exists()


def test_a_relay_divides_the_log_only_with_grants_for_it(roles: Roles) -> None:
    with roles.as_("operator"):
        row = operations.begin(dividing.order(2, "mara"), "default", 2)
        before = list(Shard.objects.values("epoch", "owner"))
    with roles.as_("relay"):
        OutsideWork(operations, "default", "relay").carry()
        assert "GRANT DELETE ON outbox_shard" in str(operations.elsewhere.pop(("default", row.pk)))
        assert Operation.objects.get().state == "running"
        assert list(Shard.objects.values("epoch", "owner")) == before
    for grant in ("UPDATE ON outbox_event", "DELETE ON outbox_shard"):
        roles.place.execute(f"GRANT {grant} TO {roles.name('relay')}")
    with roles.as_("relay"):
        OutsideWork(operations, "default", "relay").carry()
        assert (Operation.objects.get().state, Shard.objects.count()) == ("done", 2)


def test_an_operator_has_events_sent_again(roles: Roles) -> None:
    with roles.as_("app"):
        emit("a")
    with roles.as_("relay"), closing(Desk(RelaySettings())) as desk:
        desk.drain()
        desk.shard.lease.release(desk.session)
    with roles.as_("operator"):
        call("outbox_replay", all=True, yes=True)
        assert Held.objects.count() == 1


def test_a_backfill_also_needs_to_lock_its_rows(roles: Roles) -> None:
    @outbox.receiver(post_save, sender=Tag)
    def saved(instance: Tag, backfill: bool = False, **kwargs: Any) -> Note | None:
        return Note(instance.name) if backfill else None

    role, table = roles.name("backfill"), Tag._meta.db_table
    roles.place.execute(
        f"CREATE TABLE {table} AS SELECT 1 AS id, 'a' AS name", f"GRANT SELECT, UPDATE ON {table} TO {role}"
    )
    options = {"verbosity": 0, "stderr": StringIO(), "max_pending_age": 86_400.0}
    with roles.as_("backfill"):
        assert call("outbox_backfill", "testapp.Tag", **options).startswith("Wrote 1 event")
    roles.place.execute(f"REVOKE INSERT ON outbox_ledger FROM {role}")
    grant = f"GRANT INSERT ON outbox_ledger TO {role};"
    with roles.as_("backfill"), pytest.raises(CommandError, match=re.escape(grant)):
        call("outbox_backfill", "testapp.Tag", "--created", **options)
    roles.place.execute(f"REVOKE UPDATE ON {table} FROM {role}")
    with roles.as_("backfill"), pytest.raises(CommandError, match=f"denied for table {table}.* UPDATE on"):
        call("outbox_backfill", "testapp.Tag", "--created", "--resume", **options)


def test_a_writer_of_captured_rows_lacks_what_the_page_says(roles: Roles) -> None:
    seen: list[str] = []

    @outbox.receiver([post_save, post_delete], sender=Tag)
    def written(instance: Tag, **kwargs: Any) -> Note:
        seen.append(instance.name)
        return Note(instance.name)

    role, table = roles.name("app"), Tag._meta.db_table
    roles.place.execute(
        f"CREATE TABLE {table} (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text)",
        f"CREATE TABLE {Parcel.tags.through._meta.db_table} (id bigint, tag_id bigint)",
        f"GRANT INSERT, DELETE ON {table} TO {role}",
        f"GRANT SELECT, DELETE ON {Parcel.tags.through._meta.db_table} TO {role}",
    )
    with (
        roles.as_("app"),
        pytest.raises(ProgrammingError, match=f"GRANT SELECT, INSERT ON {table} TO {role};"),
    ):
        Tag.objects.create(name="a")
    roles.place.execute(f"GRANT SELECT ON {table} TO {role}")
    with roles.as_("app"):
        Tag.objects.create(name="a")
        Tag.objects.get().delete()
        assert seen == ["a", "a"]
        Tag.objects.create(name="b")

    @outbox.receiver(pre_delete, sender=Tag)
    def doomed(instance: Tag, **kwargs: Any) -> None:
        seen.append(instance.name)

    grant = f"GRANT SELECT, UPDATE ON {table} TO {role};"
    with roles.as_("app"), pytest.raises(ProgrammingError, match=grant):
        Tag.objects.get().delete()
    roles.place.execute(grant)
    with roles.as_("app"):
        Tag.objects.get().delete()
    assert seen == ["a", "a", "b", "b", "b"]


def test_a_writer_may_do_nothing_else(roles: Roles) -> None:
    with roles.as_("app"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        with closing(Session("default")) as session:
            session.connection.execute("SELECT payload FROM outbox_event")


def test_a_writer_may_write_many(roles: Roles) -> None:
    names = [str(number) for number in range(writing.MANY)]
    with roles.as_("app"):
        emit(*names)
    with roles.place.is_default():
        assert OutboxEvent.objects.count() == len(names)


def test_an_autoscaler_learns_how_many_events_wait_and_nothing_else(roles: Roles) -> None:
    with roles.as_("app"):
        emit("a", "b")
        with pytest.raises(ProgrammingError, match="outbox_lag"), connection.cursor() as cursor:
            cursor.execute("SELECT outbox_lag()")
    with roles.as_("autoscaler"):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE outbox_position (shard_id int)")
            cursor.execute("SELECT outbox_lag()")
            assert cursor.fetchone() == (2,)
        with pytest.raises(ProgrammingError, match="outbox_event"), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM outbox_event")


@pytest.mark.parametrize(
    ("role", "command", "arguments", "grant"),
    [
        ("retention", "outbox_prune", (), "GRANT DELETE ON outbox_event"),
        ("operator", "outbox_shards", ("2",), "GRANT DELETE ON outbox_shard"),
        ("operator", "outbox_pause", ("test.notes",), "GRANT INSERT ON outbox_hold"),
    ],
)
def test_a_command_names_the_grant_that_it_lacks(
    roles: Roles, role: str, command: str, arguments: tuple[str, ...], grant: str
) -> None:
    with roles.as_("app"):
        emit("a")
    with roles.as_("relay"), closing(Desk(RelaySettings())) as desk:
        desk.drain()
        desk.shard.lease.release(desk.session)
    _, privilege, _, table = grant.split()
    roles.place.execute(f"REVOKE {privilege} ON {table} FROM {roles.name(role)}")
    options = {"older_than": 0.0} if command == "outbox_prune" else {}
    with roles.as_(role), pytest.raises(CommandError, match=re.escape(f"{grant} TO {roles.name(role)};")):
        call(command, *arguments, **options)
