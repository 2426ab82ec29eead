"""Faults one after the other, or two at once, while the writers go on."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence

from devstack import DevstackError
from tests.torture.checker import Incident
from tests.torture.faults import FAULTS, Fault
from tests.torture.ground import Ground
from tests.torture.trial import Trial

PAGE_ROWS = 100
"""RELAY["PAGE_ROWS"] of the relays: a wave has no more."""
TWO_AT_ONCE = 0.25
BETWEEN_SECONDS = (0.2, 2.0)
LITTLE_BETWEEN = (0.1, 0.5)


def heed_signals() -> None:
    """Have SIGINT and SIGTERM end the faults and give the verdict, also where a shell ignores them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def possible(ground: Ground) -> list[Fault]:
    """The faults that this ground can have; of the others it is said why not."""
    for part, reason in ground.missing.items():
        say(f"left out, for want of {part}: {', '.join(_needing(part))} ({reason})")
    return [
        fault
        for fault in FAULTS.values()
        if fault.brokers <= len(ground.kafka.brokers) and fault.needs not in ground.missing
    ]


def _needing(part: str) -> list[str]:
    return [fault.name for fault in FAULTS.values() if fault.needs == part]


def chosen(seed: int, count: int, among: Sequence[Fault]) -> list[tuple[Fault, ...]]:
    """The faults of a run: all of them before any comes again, some in pairs. The same for the same seed."""
    chance = random.Random(seed)
    known = [fault for fault in among if not fault.once]
    picked: list[tuple[Fault, ...]] = []
    deck: list[Fault] = []
    while sum(map(len, picked)) < count:
        deck = deck or chance.sample(known, len(known))
        first = deck.pop()
        pair = first.concurrent and deck and deck[-1].concurrent and chance.random() < TWO_AT_ONCE
        picked.append((first, deck.pop()) if pair else (first,))
    return picked


def run(
    trial: Trial,
    picked: Sequence[tuple[Fault, ...]],
    *,
    tell: Callable[[str], None] = say,
    between: tuple[float, float] = BETWEEN_SECONDS,
) -> None:
    """Cause them, each when the one before is over and every shard publishes again; ``between`` two of them
    all is well for so many seconds, at least and at most.
    """
    chance = random.Random(trial.seed)
    if trial.await_publishing() is None:
        trial.complaints.append("the relays did not begin to publish")
    try:
        for number, faults in enumerate(picked, start=1):
            incident = _cause(trial, faults, chance)
            trial.incidents.append(incident)
            tell(f"{number:4}/{len(picked)} {_told(incident)}")
            if incident.recovered is None:
                tell(f"          {trial.silence()}")
                _heal(trial)
            time.sleep(chance.uniform(*between))
    except KeyboardInterrupt:
        tell("interrupted: what has been is judged")
        _heal(trial)


def _told(incident: Incident) -> str:
    recovered = "not" if incident.recovered is None else f"{incident.recovered:.1f} s"
    lasted = incident.ended - incident.began
    return f"{incident.name:<34} {lasted:5.1f} s, publishing after {recovered}"


def _heal(trial: Trial) -> None:
    try:
        trial.ground.heal()
    except DevstackError as error:
        trial.complaints.append(f"healing: {error}")


def _cause(trial: Trial, faults: Sequence[Fault], chance: random.Random) -> Incident:
    name = " + ".join(fault.name for fault in faults)
    began = time.time()
    threads = [
        threading.Thread(target=_guarded, args=(trial, fault, random.Random(chance.random())))
        for fault in faults
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended, recovered = time.time(), trial.await_publishing()
    rewound = any(fault.rewinds for fault in faults)
    if rewound and recovered is not None:
        trial.await_replay(PAGE_ROWS)
    waves = len(faults) * (trial.fleet.size + 1)  # one more, where a relay was added
    return Incident(name, began, ended, recovered, None if rewound else waves * PAGE_ROWS)


def _guarded(trial: Trial, fault: Fault, chance: random.Random) -> None:
    try:
        fault.cause(trial, chance)
    except Exception as error:
        trial.complaints.append(f"{fault.name}: {type(error).__name__}: {error}")
