"""The consumer's database goes back in time, with its effects; and a group that does not come to rest."""

from __future__ import annotations

import random
import signal
import time

import psycopg

from tests.torture.inbox.tables import NEWEST
from tests.torture.insist import insist
from tests.torture.trial import Trial

LAG_SECONDS = (1.0, 4.0)
STORM_SECONDS = 20.0
STORM_EVERY = 2.5
STILL_SECONDS = 10.0
TABLES = (
    "inbox_processed", "inbox_held", "inbox_offset", "torture_effect", "torture_gathered",
    "torture_antidote",
)  # fmt: skip


def restore(trial: Trial, chance: random.Random) -> None:
    """A dump is taken, and brought back under the running consumers a while later."""
    insist(lambda: _dump(trial.url))
    time.sleep(chance.uniform(*LAG_SECONDS))
    insist(lambda: _bring_back(trial.url))


def restore_while_stopped(trial: Trial, chance: random.Random) -> None:
    """The same, with no consumer running when it is brought back."""
    insist(lambda: _dump(trial.url))
    time.sleep(chance.uniform(*LAG_SECONDS))
    size = trial.fleet.size
    trial.fleet.resize(0)
    try:
        while trial.fleet.members():
            time.sleep(0.1)
        insist(lambda: _bring_back(trial.url))
    finally:
        trial.fleet.resize(size)


def promote(trial: Trial, chance: random.Random) -> None:
    """The server dies while its asynchronous standby is behind; the standby takes over."""
    old = trial.ground.postgres
    standby = old.standby()
    with psycopg.connect(standby.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(chance.uniform(*LAG_SECONDS))
    old.kill()
    standby.promote()
    trial.ground.move_to(standby)
    old.close()


def storm(trial: Trial, chance: random.Random) -> None:
    """The youngest instance is asked to end, or killed, and comes back, again and again; the others stay."""
    end = time.monotonic() + STORM_SECONDS
    newest, changed_at = None, time.monotonic()
    while time.monotonic() < end:
        members = trial.fleet.members()
        if len(members) > 1:
            members[-1].end(chance.choice([signal.SIGTERM, signal.SIGKILL]))
        next_at = time.monotonic() + STORM_EVERY
        while time.monotonic() < next_at:
            if (now := insist(lambda: trial.execute(NEWEST))) != newest:
                newest, changed_at = now, time.monotonic()
            if time.monotonic() > changed_at + STILL_SECONDS:
                trial.complaints.append(f"no effect for {STILL_SECONDS:.0f} s of a rebalance storm")
                return
            time.sleep(0.1)


def _dump(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("DROP SCHEMA IF EXISTS dump CASCADE")
        connection.execute("CREATE SCHEMA dump")
        for table in TABLES:
            connection.execute(f"CREATE TABLE dump.{table} AS TABLE public.{table}")


def _bring_back(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE")
        for table in TABLES:
            connection.execute(f"TRUNCATE public.{table}")
            connection.execute(f"INSERT INTO public.{table} SELECT * FROM dump.{table}")
