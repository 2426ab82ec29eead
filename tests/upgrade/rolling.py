"""An upgrade of the running example, one process after the other, under load, and a step back in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from demo.broker import Broker
from demo.child import Child
from demo.errors import CommandFailed
from demo.outbox import Outbox
from demo.patience import Patience
from demo.processes import Processes
from demo.purchases import Purchases
from demo.screen import Screen
from demo.topology import CONSUMERS, SERVICES, SHOP
from tests.upgrade.release import Release

TICK = 0.05
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rolling:
    """``processes`` run what is started here, ``outbox`` answers questions about the shop's database."""

    old: Release
    new: Release
    purchases: Purchases
    processes: Processes
    outbox: Outbox
    broker: Broker
    screen: Screen

    def run(self, *, migrate_first: bool = False) -> None:
        """Both releases write and publish before and after the migration, alone and side by side.
        ``migrate_first``: the new release needs its migrations and starts behind them.
        """
        self.migrate(self.old)
        self._start(self.old)
        self._write(self.old, 1, "The old release alone")
        if migrate_first:
            self.migrate(self.new)
        self._start(self.new)
        owner = self._owner()
        self._write(self.new, 2, "The new release beside it; the owner of the shard is killed", kill=owner)
        self._relay(self.new if owner.name.endswith(self.new.name) else self.old)
        if not migrate_first:
            self.migrate(self.new)
        self._stop(f"relay-{self.new.name}")
        self._write(self.old, 3, "Back to the old release on the new tables")
        self._relay(self.new)
        for name in ("relay", *(service.name for service in CONSUMERS)):
            self._stop(f"{name}-{self.old.name}")
        self._write(self.new, 4, "The new release alone")
        with self.screen.phase("Arrival"):
            ends = self.broker.ends()
            for service in CONSUMERS:
                self._await(partial(self.broker.lag, service, ends))

    def migrate(self, release: Release) -> None:
        """Migrate the databases of all services."""
        for service in SERVICES:
            self._finish(
                self._begin(
                    release, f"migrate-{service.name}", "migrate", "--no-input", settings=service.settings
                )
            )

    def _start(self, release: Release) -> None:
        self._relay(release)
        for service in CONSUMERS:
            self._begin(
                release, service.name, "run_consumer", service.name, settings=service.settings, lasting=True
            )

    def _relay(self, release: Release) -> None:
        self._begin(release, "relay", "run_relay", lasting=True)

    def _begin(
        self,
        release: Release,
        name: str,
        *arguments: str,
        settings: str = SHOP.settings,
        lasting: bool = False,
    ) -> Child:
        environ = {**release.environ, "DJANGO_SETTINGS_MODULE": settings}
        return self.processes.start(
            f"{name}-{release.name}", release.command(*arguments), lasting=lasting, **environ
        )

    def _finish(self, child: Child) -> None:
        patience = Patience(child.name, [child])
        while not self.processes.finished(child):
            self.processes.check()
            patience.see(self.outbox.purchases() if child.name.startswith("write") else None)
            time.sleep(TICK)

    def _write(self, release: Release, quarter: int, title: str, *, kill: Child | None = None) -> None:
        """Write the next quarter of the purchases, and wait until they are published."""
        with self.screen.phase(title):
            total = self.purchases.totals.purchases
            arguments = [str(self.purchases.path), "--limit", str(total * quarter // 4), "--writers", "2"]
            writing = self._begin(release, f"write-{quarter}", "replay_purchases", *arguments)
            if kill is not None:
                half_way = total * (2 * quarter - 1) // 8
                self._await(lambda: max(0, half_way - self.outbox.purchases()))
                self.processes.kill(kill)
            self._finish(writing)
            self._await(self.outbox.pending)

    def _await(self, left: Callable[[], object]) -> None:
        """Wait until nothing is left. Raises TookTooLong when that no longer becomes less."""
        patience = Patience("The upgrade", list(self.processes.running.values()))
        while now := left():
            self.processes.check()
            patience.see(now)
            time.sleep(TICK)

    def _owner(self) -> Child:
        """The relay that owns the shard."""
        self._await(lambda: self._owning() is None)
        owner = self._owning()
        assert owner is not None
        return owner

    def _owning(self) -> Child | None:
        pid = self.outbox.owner().pid
        return next((child for child in self.processes.running.values() if child.pid == pid), None)

    def _stop(self, name: str) -> None:
        """Stop a process in good order."""
        child = self.processes.running.pop(name)
        child.ask_to_stop()
        if child.await_end(STOP_SECONDS) != 0:
            raise CommandFailed(f"{name} did not stop in good order {child.fate()}")
