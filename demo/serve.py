"""``make serve``: the example left running, with a trickle of orders, for people to walk around in."""

from __future__ import annotations

import time
from dataclasses import dataclass

from demo.child import Child
from demo.errors import ProcessEnded
from demo.processes import Processes
from demo.purchases import Purchases
from demo.screen import Screen
from demo.stage import Stage, staged
from demo.storefront import USUAL_PORT, choose_port, open_storefront

TICK = 0.5
TOO_SOON = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    port: int | None = None
    rate: float = 1.0


def serve(options: Options, screen: Screen) -> int:
    """Leave everything running until somebody interrupts."""
    port = choose_port(options.port)
    with screen.phase("Purchases"):
        purchases = Purchases.cdnow(everything=True, limit=None)
        screen.say(f"{purchases.totals.purchases:,} to come, {options.rate:g} a second")
    with staged(screen) as stage:
        with screen.phase("Storefront"):
            url = _open(stage, port)
        trickle = stage.processes.run("trickle", *_replay(purchases, options.rate))
        screen.say(_welcome(url, stage))
        while True:
            if trickle.name in stage.processes.running and stage.processes.finished(trickle):
                screen.say("All purchases have been replayed. Place some orders yourself.")
            _revive(stage.processes, screen)
            time.sleep(TICK)


def _open(stage: Stage, port: int) -> str:
    seeding = stage.processes.run("seed_shop", "seed_shop", "--admin")
    url = open_storefront(stage.processes, port)
    while not stage.processes.finished(seeding):
        time.sleep(TICK)
    if port != USUAL_PORT:
        stage.screen.say(f"port {USUAL_PORT} is taken, so it is {port}")
    return url


def _replay(purchases: Purchases, rate: float) -> list[str]:
    return ["replay_purchases", *purchases.arguments(), "--rate", str(rate), "--writers", "1"]


def _welcome(url: str, stage: Stage) -> str:
    return f"""
Storefront      {url}
Admin           {url}admin/     user admin, password admin
Outbox status   {url}admin/outbox/outboxstatus/
Mails, logs     {stage.folder}

Kill any of the processes (kill -9 PID) and see what happens: it is started again.
Ctrl-C ends everything.
"""


def _revive(processes: Processes, screen: Screen) -> None:
    """Start again what has ended, but not what ends at once. Raises ProcessEnded for that."""
    for child in processes.ended():
        if time.monotonic() - child.started_at < TOO_SOON:
            raise ProcessEnded(f"{child.name} ended as soon as it was started {child.fate()}")
        _tell(screen, child, processes.again(child))


def _tell(screen: Screen, ended: Child, started: Child) -> None:
    screen.say(f"{ended.name} (pid {ended.pid}) has ended, {ended.how()}: started again as pid {started.pid}")
