"""A database that moves: a position is believed where its transactions are, and refused everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoDbBlocker

from devstack.postgres import Cluster
from devstack.postgres.binaries import Binaries
from outbox import status
from outbox.errors import LogUnsafe, PositionNotOfThisHistory
from outbox.models import OutboxEvent
from outbox.operations import retention
from outbox.operations.resharding import reshard
from relay.cluster.lease import Lease
from relay.conf import RelaySettings
from relay.errors import NotPrimary
from relay.log.checkpoint import Checkpoints
from relay.log.session import Session
from tests.relay import clusters
from tests.relay.clusters import Place
from tests.relay.conftest import Desk, Writer
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
IMPORT = 1_200
AFTER = 100
SHARDS = "SELECT id, owner, epoch FROM outbox_shard"
LAST = "SELECT (SELECT max(id) FROM outbox_checkpoint), (SELECT count(*) FROM outbox_event)"
TABLES = (
    "outbox_event, outbox_shard, outbox_checkpoint, outbox_hold, outbox_held, outbox_incarnation, "
    "outbox_statistics"
)


@pytest.fixture(scope="module", params=["oldest", "newest"])
def version(request: pytest.FixtureRequest) -> Binaries | None:
    """The oldest PostgreSQL that is here, and the newest (None)."""
    binaries = clusters.oldest() if request.param == "oldest" else None
    if request.param == "oldest" and binaries is None:
        pytest.skip("needs an older PostgreSQL beside the newest: apt-get install postgresql")
    return binaries


@pytest.fixture(scope="module")
def source(
    version: Binaries | None, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Place]:
    """A history, and last of all one import of more events than any look at the newest ones would see."""
    with clusters.cluster(version, wal_level="logical") as server, django_db_blocker.unblock():
        yield published(Place(server, "source"))


@pytest.fixture(scope="module")
def elsewhere(version: Binaries | None, django_db_setup: None) -> Iterator[Cluster]:
    """A cluster of lower transaction ids."""
    with clusters.cluster(version) as server:
        yield server


def published(place: Place) -> Place:
    place.migrate()
    place.burn(20_000)
    with office(place) as desk:
        for key, count in (("early", 50), ("import", IMPORT)):
            write_in(key, count)
            assert len(desk.drain()) == count
    return place


@contextmanager
def office(place: Place) -> Iterator[Desk]:
    """A relay's insides on a database of ``server``."""
    with place.is_default():
        desk = Desk(RelaySettings(topic_grace_seconds=0.0))
        try:
            yield desk
        finally:
            desk.shard.lease.release(desk.session)
            desk.close()


def write(place: Place, key: str, count: int) -> None:
    """One transaction of the application."""
    with place.is_default():
        write_in(key, count)


def write_in(key: str, count: int) -> None:
    writer = Writer()
    writer.insert(key, count)
    writer.commit()
    writer.close()


def application_passes_the_position(place: Place) -> None:
    """Transactions of the application, each with an event, until the stored position is behind them."""
    with place.is_default(), closing(Writer()) as writer:
        for _ in range(AFTER):
            writer.insert("after")
            writer.commit()
        place.burn(25_000)
        passed = writer.connection.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot()) > pg_snapshot_xmax(coalesce(hi, lo)) "
            "FROM outbox_checkpoint ORDER BY id DESC LIMIT 1"
        ).fetchone()
        writer.commit()
        assert passed == (True,)
        writer.insert("after")
        writer.commit()


def refused_by_all(place: Place) -> None:
    """Relay, pruning, resharding and status; nothing is deleted and nothing sent."""
    with place.is_default():
        before = OutboxEvent.objects.count()
        relay_refuses()
        with pytest.raises(CommandError, match="outbox_rebase"):
            call_command("outbox_prune", older_than=0.0)
        with pytest.raises(PositionNotOfThisHistory):
            reshard("default", 4)
        report = status.read()
        assert (report.state, report.exit_code) == (status.State.REFUSED, 2)
        assert OutboxEvent.objects.count() == before


def relay_refuses() -> None:
    session = Session("default")
    lease = Lease.acquire(session, uuid4(), 60.0)
    assert lease is not None
    try:
        with pytest.raises(PositionNotOfThisHistory, match="outbox_rebase"):
            Checkpoints(session, lease)
    finally:
        lease.release(session)
        session.close()


def believed(place: Place, key: str) -> None:
    """The relay goes on where it was: what is new is published, and nothing else."""
    write(place, key, 2)
    with office(place) as desk:
        assert desk.drain() == [f"{key}:1", f"{key}:2"]
        assert status.read().state is not status.State.REFUSED


def cured(place: Place, expected: set[str]) -> None:
    """outbox_rebase publishes all that came after the stored position, and the relay goes on."""
    with place.is_default():
        call_command("outbox_rebase", margin=0.0, stdout=StringIO())
    with office(place) as desk:
        sent = desk.drain()
        write_in("later", 1)
        sent += desk.drain()
        assert expected | {"later:1"} <= set(sent)
        assert len(sent) == len(set(sent))
        assert sum(piece.deleted for piece in retention.prune(older_than=timedelta())) > 0


def names(key: str, count: int) -> set[str]:
    return {f"{key}:{number}" for number in range(1, count + 1)}


def test_a_restored_dump_is_refused_whatever_ran_before_the_relay(source: Place, elsewhere: Cluster) -> None:
    target = Place(elsewhere, "restored")
    target.restore(source.dump())
    application_passes_the_position(target)
    refused_by_all(target)
    cured(target, names("after", AFTER + 1))


def test_a_dump_that_is_restored_beside_its_source_is_refused(source: Place) -> None:
    """Transaction ids of the same cluster, all of them higher."""
    target = Place(source.server, "beside")
    target.restore(source.dump())
    refused_by_all(target)
    write(target, "after", 3)
    cured(target, names("after", 3))


@pytest.mark.parametrize("way", ["data only", "inserts", "copy"])
def test_rows_that_are_put_into_new_tables_are_refused(source: Place, elsewhere: Cluster, way: str) -> None:
    target = Place(elsewhere, way.replace(" ", "_"))
    target.migrate()
    with psycopg.connect(target.url, autocommit=True) as own:
        own.execute(f"TRUNCATE {TABLES}")
        if way == "copy":
            source.copy_to(target, ["outbox_shard", "outbox_checkpoint", "outbox_event"])
            own.execute("SELECT setval('outbox_event_id_seq', (SELECT max(id) FROM outbox_event))")
            own.execute("SELECT setval('outbox_checkpoint_id_seq', (SELECT max(id) FROM outbox_checkpoint))")
        else:
            options = ["--data-only", "--table=outbox_*", *["--inserts"][: way == "inserts"]]
            target.restore(source.dump(*options))
    refused_by_all(target)
    write(target, "after", 3)
    cured(target, names("after", 3))


def test_a_promoted_base_backup_is_believed(source: Place) -> None:
    standby = source.server.standby()
    try:
        place = Place(standby, source.name)
        with place.is_default(), pytest.raises(NotPrimary):
            Session("default")
        standby.promote()
        believed(place, "promoted")
    finally:
        standby.close()


def test_a_crash_and_a_vacuum_leave_it_believed(source: Place) -> None:
    source.server.kill()
    source.server.start()
    with psycopg.connect(source.url, autocommit=True) as own:
        own.execute("VACUUM (FREEZE, FULL)")
    believed(source, "crashed")


def test_a_logical_subscriber_is_refused(source: Place, elsewhere: Cluster) -> None:
    target = Place(elsewhere, "subscriber")
    target.migrate()
    with (
        psycopg.connect(source.url, autocommit=True) as one,
        psycopg.connect(target.url, autocommit=True) as two,
    ):
        two.execute(f"TRUNCATE {TABLES}")
        one.execute("CREATE PUBLICATION outbox FOR TABLE outbox_event, outbox_shard, outbox_checkpoint")
        two.execute(f"CREATE SUBSCRIPTION outbox CONNECTION '{source.url}' PUBLICATION outbox")
        with office(source) as desk:
            write_in("streamed", 5)
            desk.drain()
        last = one.execute(LAST).fetchone()
        wait_until(lambda: two.execute(LAST).fetchone() == last, 60, "the subscriber has the last position")
        shards = one.execute(SHARDS).fetchall()
        wait_until(lambda: two.execute(SHARDS).fetchall() == shards, 60, "and knows that the relay has left")
        two.execute("DROP SUBSCRIPTION outbox")
        sequence_behind_its_table(target)
        two.execute("SELECT setval('outbox_event_id_seq', (SELECT max(id) FROM outbox_event))")
        two.execute("SELECT setval('outbox_checkpoint_id_seq', (SELECT max(id) FROM outbox_checkpoint))")
    refused_by_all(target)
    write(target, "after", 3)
    cured(target, names("after", 3))


def sequence_behind_its_table(place: Place) -> None:
    """Logical replication leaves sequences alone."""
    with place.is_default(), closing(Session("default")) as session:
        with pytest.raises(LogUnsafe, match=r"setval\('public.outbox_event_id_seq'"):
            session.prove()
        assert status.read().state is status.State.REFUSED


def test_pg_upgrade_leaves_a_position_believed(transactional_db: None) -> None:
    binaries = clusters.oldest()
    if binaries is None:
        pytest.skip("needs an older PostgreSQL beside the newest: apt-get install postgresql")
    with clusters.cluster(binaries) as old, closing(Cluster(config={"fsync": "off"})) as new:
        published(Place(old, "source"))
        old.stop()
        clusters.upgraded(old, new)
        new.start()
        believed(Place(new, "source"), "upgraded")
