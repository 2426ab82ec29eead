"""Relays that are killed, ended, frozen past their lease, and added and removed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from tests.torture.faults.fault import Fault
from tests.torture.insist import insist
from tests.torture.trial import LEASE_SECONDS, Trial

LONGER_THAN_THE_LEASE = (LEASE_SECONDS + 0.5, LEASE_SECONDS + 4.0)
PASS_SECONDS = 60.0


def victim(trial: Trial, chance: random.Random) -> int | None:
    """The pid of a relay: more often than not of one that owns a shard."""
    members = [member.pid for member in trial.fleet.members()]
    owners = [pid for pid in insist(trial.owners) if pid in members] if chance.random() < 0.8 else []
    pids = owners or members
    return chance.choice(pids) if pids else None


def kill(trial: Trial, chance: random.Random) -> None:
    if pid := victim(trial, chance):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def terminate(trial: Trial, chance: random.Random) -> None:
    if (pid := victim(trial, chance)) and (member := trial.fleet.by_pid(pid)):
        member.end(signal.SIGTERM)
        if trial.fleet.awaits_end(member):
            return
        trial.complaints.append("a relay did not end after SIGTERM")


def freeze(trial: Trial, chance: random.Random) -> None:
    if pid := victim(trial, chance):
        _thaw_later(pid, chance)


def _thaw_later(pid: int, chance: random.Random) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(chance.uniform(*LONGER_THAN_THE_LEASE))
        os.kill(pid, signal.SIGCONT)


def _kill_an_owner(trial: Trial) -> None:
    """Of those that are ours: somebody has to take over."""
    deadline = time.monotonic() + PASS_SECONDS
    while time.monotonic() < deadline:
        for pid in insist(trial.owners):
            if trial.fleet.by_pid(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return
        time.sleep(0.1)
    trial.complaints.append("no relay owned a shard")


def at_point(point: str, deed: str, trial: Trial, chance: random.Random) -> None:
    """A relay dies or freezes itself at a point of its loop."""
    with armed(point, deed, trial):
        if point == "during-takeover":
            _kill_an_owner(trial)
        pid = passed(point, trial)
    if pid and deed == "stop":
        _thaw_later(pid, chance)


@contextmanager
def armed(point: str, deed: str, trial: Trial) -> Iterator[None]:
    """Nobody is to freeze there later, when there is nobody to thaw it."""
    points = trial.fleet.points
    with points.at[point]:
        points.forget(point)
        points.arm(point, deed)
        try:
            yield
        finally:
            points.disarm(point)


def passed(point: str, trial: Trial) -> int | None:
    """The pid of the first process to come to a point that is armed."""
    points = trial.fleet.points
    deadline = time.monotonic() + PASS_SECONDS
    while (pid := points.victim(point)) is None:
        if time.monotonic() > deadline:
            if points.disarm(point):
                trial.complaints.append(f"nobody came to the point {point}")
            return None
        time.sleep(0.02)
    return pid


def resize(trial: Trial, chance: random.Random) -> None:
    """One more relay, or one less, for a while."""
    size = trial.fleet.size
    trial.fleet.resize(size + chance.choice([1, -1]) if size > 1 else size + 1)
    time.sleep(chance.uniform(1, 4))
    trial.fleet.resize(size)


def blind(trial: Trial, chance: random.Random) -> None:
    """A relay that alone does not reach Kafka comes to own a shard, and lets another one have it."""
    member = trial.fleet.start_another(TORTURE_BOOTSTRAP_SERVERS="127.0.0.1:1")
    try:
        deadline = time.monotonic() + PASS_SECONDS
        while member.pid not in (owners := insist(trial.owners)):
            for pid in owners:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                trial.complaints.append("the blind relay never owned a shard")
                return
            time.sleep(0.1)
        if trial.await_publishing() is None:
            trial.complaints.append("the blind relay has kept its shard")
        if not member.is_running:
            trial.complaints.append("the blind relay has ended")
    finally:
        member.end(signal.SIGKILL)
        member.process.wait()


FAULTS = [
    Fault("kill", kill),
    Fault("terminate", terminate),
    Fault("freeze", freeze),
    Fault("resize", resize),
    Fault("blind", blind, concurrent=False, once=True),
    *(
        Fault(f"{deed}-{point}", partial(at_point, point, deed))
        for point in ("after-poll", "mid-wave", "acked-not-checkpointed", "checkpointed", "during-takeover")
        for deed in ("kill", "stop")
    ),
]
