"""``make serve``: the example left running, with a trickle of orders, for people to walk around in."""

from __future__ import annotations

import time
from dataclasses import dataclass

from demo.purchases import Purchases
from demo.revival import Revival
from demo.screen import Screen
from demo.stage import Stage, staged
from demo.storefront import USUAL_PORT, choose_port, open_storefront

TICK = 0.5
TRICKLE = "trickle"


@dataclass(frozen=True, slots=True)
class Options:
    port: int | None = None
    rate: float = 1.0


def serve(options: Options, screen: Screen) -> int:
    """Leave everything running until Ctrl-C."""
    port = choose_port(options.port)
    with screen.phase("Purchases"):
        purchases = Purchases.cdnow(everything=True, limit=None)
        screen.say(f"{purchases.totals.purchases:,} to come, {options.rate:g} a second")
    with staged(screen) as stage:
        with screen.phase("Storefront"):
            url = _open(stage, port)
        stage.processes.serve(TRICKLE, *_replay(purchases, options.rate))
        screen.say(_welcome(url, stage))
        revival = Revival(stage.processes, screen.say)
        while True:
            if stage.processes.forget_if_done(TRICKLE):
                screen.say("All purchases have been replayed. Place some orders yourself.")
            revival.look()
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

Kill any of the processes (kill -9 PID), or stop a database for a while: what ended is started again.
Ctrl-C ends everything.
"""
