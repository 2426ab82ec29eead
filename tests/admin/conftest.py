"""Logs with histories made to measure: transactions and positions are numbers, not lived through."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client

from outbox.models import Checkpoint, Held, Hold, OutboxEvent, Relay, Shard
from outbox.operations.bulk import operations
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order

INSERT = """
    INSERT INTO outbox_event
           (xid, bucket, topic, key, type, content_type, event_id, payload, headers, created_at)
    VALUES (%s::text::xid8, %s, %s, %s, %s, %s, gen_random_uuid(), %s, '{"correlationid": "req-1"}',
            clock_timestamp() - make_interval(secs => %s))
    RETURNING id
"""


class Log:
    """The outbox of the test database. Transactions are numbered from 1 on, long before PostgreSQL's own."""

    def __init__(self) -> None:
        OutboxEvent.objects.all().delete()

    def insert(
        self,
        xid: int,
        key: str = "k",
        *,
        bucket: int = 0,
        topic: str = "test.notes",
        type: str = "test.note",
        content_type: str = "application/json",
        payload: bytes | None = b"{}",
        age: float = 0.0,
    ) -> int:
        """An event that transaction ``xid`` has written ``age`` seconds ago; its id."""
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [str(xid), bucket, topic, key, type, content_type, payload, age])
            (row_id,) = cursor.fetchone()
        return int(row_id)

    def fill(self, count: int, *, first_xid: int = 1) -> None:
        """As many events, each of a transaction of its own."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO outbox_event
                       (xid, bucket, topic, key, type, content_type, event_id, payload, headers)
                SELECT (%s + i)::text::xid8, i %% 256, 'test.notes', 'k' || i, 'test.note',
                       'application/json', gen_random_uuid(), '{}', '{}'
                FROM generate_series(0, %s - 1) AS i
                """,
                [first_xid, count],
            )

    def position(
        self, lo: str, hi: str | None = None, pos: int | None = None, *, shard: int = 0, **wave: int
    ) -> None:
        """Move the position of a shard; ``wave`` is what the wave carried."""
        seq = Checkpoint.objects.count() + 1
        with transaction.atomic(), connection.cursor() as cursor:
            Checkpoint.objects.create(shard_id=shard, epoch=1, seq=seq, lo=lo, hi=hi, pos=pos, **wave)
            # The test may be a savepoint, whose id is not the transaction's.
            cursor.execute("UPDATE outbox_checkpoint SET xid = xmin::text::xid8 WHERE seq = %s", [seq])

    def relay(self, *, state: str = "publishing", detail: str = "", owns: tuple[int, ...] = (0,)) -> UUID:
        """A relay that has just given a sign of life, with leases that outlast the test."""
        relay = Relay.objects.create(id=uuid4(), host="web-1", pid=4711, state=state, detail=detail)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE outbox_shard SET owner = %s, lease_until = clock_timestamp() + interval '1 hour' "
                "WHERE id = ANY (%s)",
                [relay.id, list(owns)],
            )
        return relay.id

    def hold(
        self, *events: int, reason: str = "poison", topic: str = "test.notes", key: str | None = "k"
    ) -> Hold:
        """A hold of a key, or without one of a topic, and events behind it."""
        scope = Hold.Scope.KEY if key else Hold.Scope.TOPIC
        hold = Hold.objects.create(scope=scope, topic=topic, key=key, reason=reason, detail="too large")
        Held.objects.bulk_create(Held(hold=hold, event_id=event, bucket=0) for event in events)
        return hold

    def discard(self, event: int, reason: str = "a test") -> None:
        """Discard a held event."""
        selection = Selection(ids=(OutboxEvent.objects.get(pk=event).event_id,))
        order = Order(verb="discard", selection=selection, who="a test", reason=reason)
        assert operations.at_once(order, "default").done == 1

    def split(self, buckets: int = 128) -> None:
        """Two shards, the first with so many buckets."""
        Shard.objects.filter(pk=0).update(last_bucket=buckets - 1)
        Shard.objects.create(id=1, first_bucket=buckets, last_bucket=255)


@pytest.fixture
def log(db: None) -> Log:
    """An empty log with one shard that has published nothing."""
    return Log()


Staff = Callable[..., Client]


@pytest.fixture
def staff(db: None) -> Staff:
    """Logs somebody of the staff in who has these permissions of the app outbox and no others."""

    def login(*codenames: str) -> Client:
        user = User.objects.create_user("mara", email="mara@example.org", is_staff=True)
        permissions = Permission.objects.filter(content_type__app_label="outbox", codename__in=codenames)
        assert permissions.count() == len(codenames)
        user.user_permissions.set(permissions)
        return logged_in(user)

    return login


@pytest.fixture
def admin_client(db: None) -> Client:
    """Somebody who may do everything."""
    return logged_in(User.objects.create(username="root", is_staff=True, is_superuser=True))


def logged_in(user: User) -> Client:
    """Whose own events, for the shop's customers are users, are not in the log."""
    client = Client()
    client.force_login(user)
    OutboxEvent.objects.filter(topic__startswith="shop.").delete()
    return client
