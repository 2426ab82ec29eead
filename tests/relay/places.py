"""Logs in databases of their own, with roles of their own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

import outbox
from devstack.postgres import Cluster
from outbox.errors import LogUnsafe
from outbox.log.privileges import RELAY
from outbox.models import OutboxEvent
from relay.conf import RelaySettings
from relay.log.session import Session
from tests.relay.clusters import Place
from tests.relay.conftest import Desk
from tests.testapp.events import Note


@pytest.fixture(scope="session")
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


def migrate_outbox() -> None:
    call_command("migrate", "outbox", verbosity=0)
    OutboxEvent.objects.all().delete()


SEQUENCE = "public.outbox_event_id_seq"
