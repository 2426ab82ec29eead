"""Kills the relay that owns the shard, and observes the takeover."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from demo.child import Child
from demo.outbox import NOBODY, Outbox, Owner
from demo.patience import Patience
from demo.processes import Processes
from demo.screen import Screen

RELAYS = ("relay-1", "relay-2")
AIM_SECONDS = 2.0
TICK = 0.05


@dataclass(slots=True)
class Failover:
    """``strike`` kills, ``watch`` notices the takeover and starts the killed relay again."""

    outbox: Outbox
    processes: Processes
    screen: Screen
    _killed: Child | None = None
    _before: Owner = NOBODY
    _killed_at: float = 0.0
    _over: bool = False

    @property
    def is_due(self) -> bool:
        return self._killed is None

    def strike(self, done: int) -> None:
        """SIGKILL the owner of the shard, if there is one now, while events are pending."""
        self._before = self.outbox.owner()
        relay = self._relay(self._before)
        if relay is None:
            return
        deadline = time.monotonic() + AIM_SECONDS
        while not self.outbox.pending() and time.monotonic() < deadline:
            pass
        self.processes.kill(relay)
        self._killed, self._killed_at = relay, time.monotonic()
        self._tell(
            f"{relay.name} (pid {relay.pid}) owns the shard: killed with SIGKILL",
            f"after {done:,} purchases, with {self.outbox.pending():,} events pending",
        )

    def watch(self) -> None:
        """Report the takeover once it has happened."""
        if self._killed is None or self._over:
            return
        now = self.outbox.owner()
        heir = self._relay(now)
        if heir is None or now.epoch == self._before.epoch or not self._publishes(now):
            return
        self._over = True
        again, seconds = self.processes.again(self._killed), time.monotonic() - self._killed_at
        self._tell(
            f"{heir.name} (pid {heir.pid}) owns it now and publishes, {seconds:.1f} s later;",
            f"{again.name} started again (pid {again.pid}) to stand by",
        )

    def finish(self) -> None:
        """Wait for a takeover that is under way. Raises TookTooLong if it does not happen."""
        suspects = [child for name, child in self.processes.running.items() if name in RELAYS]
        patience = Patience("The takeover of the shard by the other relay", suspects)
        while self._killed is not None and not self._over:
            self.processes.check()
            patience.see(self.outbox.owner())
            self.watch()
            time.sleep(TICK)

    def _publishes(self, owner: Owner) -> bool:
        return self.outbox.published_in(owner.epoch) or not self.outbox.pending()

    def _relay(self, owner: Owner) -> Child | None:
        return next((child for child in self.processes.running.values() if child.pid == owner.pid), None)

    def _tell(self, *lines: str) -> None:
        first, *more = lines
        self.screen.say(
            "\n".join([f"{datetime.now():%H:%M:%S}  {first}", *(f"{'':10}{line}" for line in more)])
        )
