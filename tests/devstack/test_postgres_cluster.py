"""A PostgreSQL of our own, stopped and killed and started again on the same port and data."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from devstack import DevstackError
from devstack.postgres import Cluster
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(config={"log_min_messages": "log"}) as cluster:
        yield cluster


@pytest.fixture
def numbers(cluster: Cluster) -> str:
    """The URL of a database with a table of its own."""
    url = cluster.create_database("numbers")
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS number")
        connection.execute("CREATE TABLE number AS SELECT 1 AS n")
    return url


def _read(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM number ORDER BY n")]


def test_what_is_committed_survives_a_kill(cluster: Cluster, numbers: str) -> None:
    log = cluster.log.stat().st_size
    cluster.kill()
    cluster.start()
    assert _read(numbers) == [1]
    assert "automatic recovery in progress" in cluster.log.read_text()[log:]


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_what_is_committed_survives_a_restart(cluster: Cluster, numbers: str, mode: str) -> None:
    before = cluster.pid
    cluster.restart(mode)  # type: ignore[arg-type]
    assert cluster.pid != before
    assert _read(numbers) == [1]


def test_a_standby_follows_and_takes_over(cluster: Cluster, numbers: str) -> None:
    standby = cluster.standby()
    try:
        with psycopg.connect(numbers) as connection:
            connection.execute("INSERT INTO number VALUES (2)")
        wait_until(lambda: _read(standby.url("numbers")) == [1, 2], 60, "the standby has what was written")
        standby.promote()
        with psycopg.connect(standby.url("numbers")) as connection:
            connection.execute("INSERT INTO number VALUES (3)")
        assert _read(standby.url("numbers")) == [1, 2, 3]
        assert _read(numbers) == [1, 2]
    finally:
        standby.close()


def test_a_server_that_does_not_start_shows_the_end_of_its_log() -> None:
    with pytest.raises(DevstackError, match=r'unrecognized configuration parameter "no_such_setting"'):
        with Cluster(config={"no_such_setting": "1"}):
            pass
