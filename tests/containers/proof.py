"""What a team would see of the example in containers on its worst days, in the order of the days."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from tests.containers import host
from tests.containers.compose import LASTING, Compose, service_of
from tests.containers.engine import Engine
from tests.containers.images import seconds_after_an_edit
from tests.containers.storefront import Customer
from tests.waiting import wait_until

UP_SECONDS = 600
BACK_SECONDS = 60 * float(os.environ.get("PATIENCE", "1"))
"""PATIENCE=5 for a machine that is five times as slow as it should be."""
REFUSED_SECONDS = 30 * float(os.environ.get("PATIENCE", "1"))
FROZEN_SECONDS = 30 * float(os.environ.get("PATIENCE", "1"))
REBUILT_SECONDS = 3 * float(os.environ.get("PATIENCE", "1"))
"""The best of three."""
WORKERS = 2
"""Of each consumer."""
IDLE_SECONDS = 60
IDLE_SHARE = 0.15
"""Of a core, for all containers together."""
STOPPED = {"kafka": {0, 143}}
"""The exit codes of services that stop in good order otherwise than with 0: a JVM reports its signal."""


@dataclass
class Proof:
    """Prints each thing as it is seen, with its time. ``away``: seconds without database and Kafka."""

    engine: Engine
    compose: Compose
    away: float = 60.0
    orders: list[str] = field(default_factory=list)

    def run(self) -> None:
        self._step("the image is built", lambda: self._compose("build"))
        self._rebuild()
        self._step("everything is up and healthy", self._up)
        self._customer = Customer(self._shop)
        self._step("an order arrives", self._order)
        self._step("a stack without work takes little of a core", self._idle)
        for service in ("relay", "crm", "shop", "kafka", "postgres"):
            self._blow(f"{service} is killed", partial(self.compose.kill, service), 1)
        for services in (["postgres"], ["kafka"], ["postgres", "kafka"]):
            self._take_away(services)
        self._blow("the engine is restarted", self.engine.restart, sum(LASTING.values()))
        reset = partial(self.engine.crash, self.compose.pids())
        self._blow("the machine is reset", reset, sum(LASTING.values()))
        self._step("a frozen relay is unhealthy, and only that", self._freeze_relay)
        self._step("a worker is killed; an order arrives, and it runs again", self._kill_worker)
        self._step("a consumer with a frozen worker is unhealthy, and only that", self._freeze_worker)
        self._step("every order has arrived", self._all_arrived)
        self._step("a wrong password is refused by name", self._wrong_password)
        self._step("a taken port is refused by name", self._taken_port)
        self._step("a relay that has hardly begun stops at once", self._stop_at_once)
        self._step("everything stops in good order", self._stop)
        self._compose("down", "--volumes")
        assert self.compose.leftovers() == []
        print("nothing is left")

    @property
    def _shop(self) -> str:
        return f"http://127.0.0.1:{self.compose.environ['SHOP_PORT']}/"

    def _step(self, what: str, do: Callable[[], object]) -> None:
        began = time.monotonic()
        do()
        print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)

    def _compose(self, *arguments: str) -> None:
        done = self.compose(*arguments, seconds=UP_SECONDS)
        assert done.returncode == 0, done.stderr[-4000:]

    def _rebuild(self) -> None:
        seconds = min(seconds_after_an_edit(self.compose) for _ in range(3))
        print(f"the image is built after a change of the source: {seconds:.1f} s", flush=True)
        assert seconds < REBUILT_SECONDS

    def _up(self) -> None:
        self._compose("up", "--detach")
        self._await_health()

    def _await_health(self, seconds: float = UP_SECONDS) -> None:
        wait_until(lambda: not self.compose.unhealthy(), seconds, "every service is healthy")

    def _order(self) -> None:
        self.orders.append(self._customer.order())
        self._await_arrival(self.orders[-1])

    def _await_arrival(self, order: str) -> None:
        wait_until(lambda: self._customer.has_arrived(order), BACK_SECONDS, f"{order} has arrived")

    def _blow(self, what: str, deal: Callable[[], None], ended: int) -> None:
        """It ends so many processes. An order is placed just before; it arrives, and all is healthy again."""
        self.orders.append(self._customer.order())
        before = self.compose.pids()
        deal()

        def recover() -> None:
            wait_until(lambda: len(self.compose.pids() - before) == ended, BACK_SECONDS, "they run again")
            self._await_health(BACK_SECONDS)

        self._step(f"{what}; everything is healthy again", recover)
        self._await_arrival(self.orders[-1])

    def _take_away(self, services: Collection[str]) -> None:
        """They stop, and after a while they start. An order is placed just before; it arrives, and all is
        healthy again.
        """
        self.orders.append(self._customer.order())
        self._compose("stop", *services)
        time.sleep(self.away)
        self._compose("start", *services)
        names = " and ".join(services)
        self._step(
            f"{names} away for {self.away:.0f} s; everything is healthy again",
            lambda: self._await_health(BACK_SECONDS),
        )
        self._await_arrival(self.orders[-1])

    def _all_arrived(self) -> None:
        for order in self.orders:
            self._await_arrival(order)

    def _idle(self) -> None:
        time.sleep(IDLE_SECONDS)  # pauses grow with the silence
        before = self._used()
        time.sleep(IDLE_SECONDS)
        shares = {name: (used - before[name]) / IDLE_SECONDS for name, used in self._used().items()}
        print(*(f"  {name}: {share:.2%} of a core" for name, share in shares.items()), sep="\n")
        assert sum(shares.values()) < IDLE_SHARE, sum(shares.values())

    def _used(self) -> dict[str, float]:
        """Seconds of CPU, by the name of the container that runs."""
        running = [each for each in self.compose.containers() if each["State"]["Running"]]
        return {each["Name"]: host.cpu_seconds(each["State"]["Pid"]) for each in running}

    def _processes(self, service: str) -> list[int]:
        """Of its first container."""
        return host.children(int(self.compose.of(service)[0]["State"]["Pid"]))

    @property
    def _workers(self) -> list[int]:
        """Of the consumer crm."""
        (reader,) = self._processes("crm")
        return host.children(reader)

    def _freeze_relay(self) -> None:
        self._freeze("relay", self._processes("relay"))

    def _freeze_worker(self) -> None:
        self._freeze("crm", self._workers[:1])

    def _freeze(self, service: str, pids: list[int]) -> None:
        with _frozen(pids):
            wait_until(lambda: bool(self.compose.unhealthy()), FROZEN_SECONDS, "it is seen")
            assert self.compose.unhealthy() == [service]
        self._await_health(BACK_SECONDS)

    def _kill_worker(self) -> None:
        """Its consumer stays."""
        reader, before = self._processes("crm"), self._workers
        assert len(before) == WORKERS
        host.signal("KILL", before[:1])
        self._order()
        wait_until(lambda: len({*self._workers} - {*before}) == 1, BACK_SECONDS, "it runs again")
        assert self._processes("crm") == reader

    def _wrong_password(self) -> None:
        said = self._refused({"POSTGRES_PASSWORD": "another"}, "databases")
        assert 'password authentication failed for user "postgres"' in said, said

    def _taken_port(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            assert port in self._refused({"SHOP_PORT": port}, "shop")

    def _refused(self, environ: dict[str, str], service: str) -> str:
        """What ``up`` and the service say, once ``up`` has ended by itself."""
        began = time.monotonic()
        changed = self.compose.given(**environ)
        done = changed("up", "--detach", seconds=UP_SECONDS)
        assert done.returncode != 0
        assert time.monotonic() - began < REFUSED_SECONDS
        return done.stderr + changed("logs", service).stdout

    def _stop_at_once(self) -> None:
        image = self.compose.of("relay")[0]["Config"]["Image"]
        relay = self.compose.docker("run", "--detach", image, "run_relay").strip()
        try:
            time.sleep(0.3)
            self.compose.docker("stop", relay)
            assert self.compose.docker("inspect", "--format", "{{.State.ExitCode}}", relay).strip() == "0"
        finally:
            self.compose.docker("rm", "--force", relay)

    def _stop(self) -> None:
        self._up()
        self._compose("stop")
        for each in self.compose.containers():
            allowed = STOPPED.get(service_of(each), {0})
            assert each["State"]["ExitCode"] in allowed, f"{each['Name']}: {each['State']}"


@contextmanager
def _frozen(pids: list[int]) -> Iterator[None]:
    host.signal("STOP", pids)
    try:
        yield
    finally:
        host.signal("CONT", pids)
