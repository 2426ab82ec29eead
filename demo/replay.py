"""Real purchases, written by several processes, while a relay is killed."""

from __future__ import annotations

import time
from dataclasses import dataclass

from demo.failover import Failover
from demo.outbox import Outbox
from demo.patience import Patience
from demo.processes import Processes
from demo.purchases import Purchases
from demo.screen import Screen

TICK = 0.05


@dataclass(frozen=True, slots=True)
class Replay:
    purchases: Purchases
    writers: int
    declined: float

    def run(self, outbox: Outbox, processes: Processes, screen: Screen) -> None:
        """Write all purchases; when half of them are committed, the relay that owns the shard dies."""
        total = self.purchases.totals.purchases
        failover = Failover(outbox, processes, screen)
        command = processes.run("replay", "replay_purchases", *self._arguments())
        patience = Patience("The replay of the purchases", [command])
        with screen.bar("purchases", total) as bar:
            while not processes.finished(command):
                processes.check()
                done = outbox.purchases()
                patience.see(done)
                bar.to(done)
                if failover.is_due and done >= total / 2:
                    failover.strike(done)
                failover.watch()
                time.sleep(TICK)
            bar.to(outbox.purchases())
            failover.finish()

    def _arguments(self) -> list[str]:
        terms = ["--writers", str(self.writers), "--declined", str(self.declined)]
        return [*self.purchases.arguments(), *terms]
