"""PostgreSQL: connections ended, backends killed, the server stopped, read-only."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from tests.torture import ledger
from tests.torture.faults.fault import Fault
from tests.torture.insist import insist
from tests.torture.trial import LEASE_SECONDS, RECOVER_SECONDS, Trial

AWAY_SECONDS = (0.5, 4.0)


def terminate_backends(trial: Trial, chance: random.Random) -> None:
    """As an administrator does, to most connections that asked for the outbox last."""
    insist(
        lambda: trial.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%outbox_%'"
            " AND query NOT LIKE '%torture%' AND random() < 0.8"
        )
    )


def crash(trial: Trial, chance: random.Random) -> None:
    """A backend is killed, so PostgreSQL ends all others and recovers from its log."""
    pids = insist(
        lambda: trial.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )
    if pids:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
    time.sleep(0.2)
    trial.await_database()


def stop_fast(trial: Trial, chance: random.Random) -> None:
    with trial.lock:
        trial.ground.postgres.stop("fast")
        time.sleep(chance.uniform(*AWAY_SECONDS))
        trial.ground.postgres.start()


def stop_immediate(trial: Trial, chance: random.Random) -> None:
    with trial.lock:
        trial.ground.postgres.stop("immediate")
        time.sleep(chance.uniform(*AWAY_SECONDS))
        trial.ground.postgres.start()


def kill_server(trial: Trial, chance: random.Random) -> None:
    with trial.lock:
        trial.ground.postgres.kill()
        time.sleep(chance.uniform(*AWAY_SECONDS))
        trial.ground.postgres.start()


def read_only(trial: Trial, chance: random.Random) -> None:
    """Nobody can write for a while, as when an administrator has drawn the brake."""
    with trial.lock:
        insist(lambda: trial.execute("ALTER SYSTEM SET default_transaction_read_only = on"))
        insist(lambda: trial.execute("SELECT pg_reload_conf()"))
        time.sleep(chance.uniform(*AWAY_SECONDS))
        insist(lambda: _allow_writing(trial))


def _allow_writing(trial: Trial) -> None:
    with psycopg.connect(trial.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")


def disk_full(trial: Trial, chance: random.Random) -> None:
    """There is no room left where PostgreSQL keeps tables and log; it may panic, and may not come up."""
    with trial.lock:
        machine = trial.ground.postgres
        assert machine.disk is not None
        machine.disk.fill()
        _write_until_full(trial)
        time.sleep(chance.uniform(*AWAY_SECONDS))
        machine.disk.free()
        machine.outlast(RECOVER_SECONDS)


def _await_sound_leases(trial: Trial) -> None:
    """A lease that was taken under a clock ahead outlasts its owner by as much, until the owner renews it."""
    too_long = "lease_until > clock_timestamp() + make_interval(secs => %s)"
    deadline = time.monotonic() + RECOVER_SECONDS
    while trial.execute(f"SELECT id FROM outbox_shard WHERE {too_long}", (LEASE_SECONDS + 1,)):
        if time.monotonic() > deadline:
            trial.complaints.append("leases were not renewed after the clock was set right")
            return
        time.sleep(0.1)


def _write_until_full(trial: Trial) -> None:
    """PostgreSQL has room left in the files that it has."""
    topic = next(iter(trial.topics))
    with suppress(psycopg.OperationalError), psycopg.connect(trial.url, connect_timeout=5) as connection:
        while True:
            ledger.emit(connection, topic, "ballast", [b"x" * 2_000] * 50)
            connection.commit()


def clock_jumps(seconds: float) -> Callable[[Trial, random.Random], None]:
    """The server's time of day is wrong for a while, then right again: two jumps."""

    def cause(trial: Trial, chance: random.Random) -> None:
        with trial.lock:
            machine = trial.ground.postgres
            assert machine.clock is not None
            machine.clock.set(seconds)
            if abs(trial.now() - time.time() - seconds) > 5:
                trial.complaints.append("the server's clock has not jumped")
            time.sleep(chance.uniform(*AWAY_SECONDS))
            machine.clock.set(0)
            _await_sound_leases(trial)

    return cause


FAULTS = [
    Fault("terminate-backends", terminate_backends),
    Fault("crash", crash),
    Fault("postgres-stop-fast", stop_fast),
    Fault("postgres-stop-immediate", stop_immediate),
    Fault("postgres-kill", kill_server),
    Fault("read-only", read_only),
    Fault("disk-full", disk_full, concurrent=False, needs="disk"),
    Fault("clock-ahead", clock_jumps(60), concurrent=False, needs="clock"),
    Fault("clock-behind", clock_jumps(-60), concurrent=False, needs="clock"),
]
