"""The network between the relays and each service: cut, refusing, delayed, throttled, silent."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

from tests.torture.faults.fault import Fault
from tests.torture.proxy import Proxy
from tests.torture.trial import LEASE_SECONDS, Trial

AWAY_SECONDS = (0.5, LEASE_SECONDS + 4.0)
Gates = Callable[[Trial], list[Proxy]]
GATES: dict[str, Gates] = {
    "postgres": lambda trial: [trial.ground.relay_gate],
    "kafka": lambda trial: trial.ground.broker_gates,
}


def cut(gates: Gates, trial: Trial, chance: random.Random) -> None:
    for gate in gates(trial):
        gate.cut()


def refuse(gates: Gates, trial: Trial, chance: random.Random) -> None:
    for gate in gates(trial):
        gate.refuse()
    _wait_and_heal(gates(trial), chance)


def silence(gates: Gates, trial: Trial, chance: random.Random) -> None:
    """Nothing passes; afterwards it either goes on, late, or the connections are found dead."""
    for gate in gates(trial):
        gate.freeze()
    time.sleep(chance.uniform(*AWAY_SECONDS))
    for gate in gates(trial):
        if chance.random() < 0.5:
            gate.cut()
        gate.heal()


def delay(gates: Gates, trial: Trial, chance: random.Random) -> None:
    seconds = chance.uniform(0.05, 0.5)
    for gate in gates(trial):
        gate.delay = seconds
    _wait_and_heal(gates(trial), chance)


def throttle(gates: Gates, trial: Trial, chance: random.Random) -> None:
    for gate in gates(trial):
        gate.rate = chance.choice([2_000, 20_000])
    _wait_and_heal(gates(trial), chance)


def _wait_and_heal(gates: list[Proxy], chance: random.Random) -> None:
    time.sleep(chance.uniform(*AWAY_SECONDS))
    for gate in gates:
        gate.heal()


FAULTS = [
    Fault(f"{service}-{cause.__name__}", partial(cause, gates))
    for service, gates in GATES.items()
    for cause in (cut, refuse, silence, delay, throttle)
]
