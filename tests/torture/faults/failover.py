"""Another server takes over: a standby that lags, or a restored old dump with lower transaction ids."""

from __future__ import annotations

import random
import subprocess
import time

import psycopg

from tests.torture import ledger
from tests.torture.faults.fault import Fault
from tests.torture.ground import CONFIG
from tests.torture.machine import Machine
from tests.torture.trial import Trial

LAG_SECONDS = (0.5, 3.0)
REFUSAL_SECONDS = 60.0
BURN = "DO $$ BEGIN FOR i IN 1..10000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
"""Transaction ids: more than a restore and the writers take while a relay looks."""


def promote(trial: Trial, chance: random.Random) -> None:
    """The primary dies while its asynchronous standby is behind; the standby is promoted in its place."""
    old = trial.ground.postgres
    standby = old.standby()
    with psycopg.connect(standby.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(chance.uniform(*LAG_SECONDS))
    old.kill()
    standby.promote()
    trial.ground.move_to(standby)
    _bury(trial, old)


def restore(trial: Trial, chance: random.Random) -> None:
    """The server is lost, and all there is is a dump of some time ago; another cluster gets it."""
    old = trial.ground.postgres
    trial.execute(BURN)  # so that the new cluster's are lower, however young the old one is
    dump = trial.folder / "dump"
    _run(old, "pg_dump", "--format=custom", "--file", str(dump), "--dbname", old.url(trial.name))
    time.sleep(chance.uniform(*LAG_SECONDS))
    old.kill()
    new = Machine(config=CONFIG)
    new.start()
    url = new.create_database(trial.name)
    _run(new, "pg_restore", "--dbname", url, str(dump))
    refused = trial.fleet.logs().count("outbox_rebase")
    trial.ground.move_to(new)
    deadline = time.monotonic() + REFUSAL_SECONDS
    while trial.fleet.logs().count("outbox_rebase") == refused:
        if time.monotonic() > deadline:
            trial.complaints.append("no relay refused the position of another history")
            break
        time.sleep(0.1)
    trial.manage("outbox_rebase", "--margin", "60")
    _bury(trial, old)


def _bury(trial: Trial, old: Machine) -> None:
    """Read from the lost server what it had committed: Kafka may hold it although it is gone."""
    old.start()
    trial.lost_by_database |= ledger.read(old.url(trial.name)).keys()
    old.close()


def _run(server: Machine, program: str, *arguments: str) -> None:
    subprocess.run([server.binaries.program(program), *arguments], check=True, capture_output=True)


FAULTS = [
    Fault("promote", promote, concurrent=False, rewinds=True),
    Fault("restore", restore, concurrent=False, once=True, rewinds=True),
]
