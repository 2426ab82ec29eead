"""What both commands need: services, databases, topics and five processes. At the end it stops
all of them.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import devstack
import devstack.kafka.external
import devstack.postgres.external
from demo.broker import Broker
from demo.databases import Databases
from demo.failover import RELAYS
from demo.outbox import Outbox
from demo.patience import Patience
from demo.processes import Processes
from demo.screen import Screen
from demo.topology import CONSUMERS, SHOP, Topology

STAND_IN = (
    "The broker is a stand-in: there is no Java or Maven here for Apache Kafka.\n"
    "The demo shows that all works with it; that proves nothing about Kafka itself."
)
TICK = 0.05


@dataclass(frozen=True, slots=True)
class Stage:
    """A running example. ``folder`` holds the logs and, in ``mails``, the mails."""

    topology: Topology
    folder: Path
    screen: Screen
    processes: Processes
    outbox: Outbox
    broker: Broker

    @property
    def mails(self) -> Path:
        return self.folder / "mails"


@contextmanager
def staged(screen: Screen) -> Iterator[Stage]:
    """Start everything, and stop it again at the end of the block, however that ends."""
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        with screen.phase("Services"):
            services = stack.enter_context(devstack.start())
            topology = _topology(services)
            if not services.kafka.is_real:
                screen.say(STAND_IN)
            screen.say(f"Logs and mails: {folder}")
        broker = stack.enter_context(Broker(topology))
        if topology.token:
            stack.callback(Databases(topology).drop)
            stack.callback(broker.remove)
        environ = {**topology.environ(), "EMAIL_FILE_PATH": str(folder / "mails")}
        processes = stack.enter_context(Processes(folder, environ))
        with screen.phase("Databases"):
            _prepare(topology, broker, processes, screen)
        outbox = stack.enter_context(Outbox(topology.url(SHOP)))
        with screen.phase("Processes"):
            _populate(processes, outbox, screen)
        yield Stage(topology, folder, screen, processes, outbox, broker)


@contextmanager
def _folder() -> Iterator[Path]:
    """The folder is kept if something fails, because of the logs."""
    folder = Path(tempfile.mkdtemp(prefix="outbox-demo-"))
    try:
        yield folder
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        raise


def _topology(services: devstack.Stack) -> Topology:
    """A random name for a server or broker that is shared."""
    shared = isinstance(services.postgres, devstack.postgres.external.External) or isinstance(
        services.kafka, devstack.kafka.external.External
    )
    return Topology(services.database_url, services.kafka_bootstrap, uuid4().hex[:6] if shared else "")


def _prepare(topology: Topology, broker: Broker, processes: Processes, screen: Screen) -> None:
    databases = Databases(topology)
    screen.wrap("databases  ", databases.names())
    screen.wrap("topics     ", topology.topics)
    databases.create()
    broker.create_topics()
    databases.migrate(processes)


def _populate(processes: Processes, outbox: Outbox, screen: Screen) -> None:
    relays = [processes.serve(name, "run_relay") for name in RELAYS]
    consumers = [processes.serve(s.name, "run_consumer", s.name, settings=s.settings) for s in CONSUMERS]
    patience = Patience("The start of the two relays", relays)
    while not outbox.is_attended(by=len(relays)):
        processes.check()
        patience.see(None)
        time.sleep(TICK)
    owner = outbox.owner()
    for child in (*relays, *consumers):
        role = "" if child in consumers else "publishes" if child.pid == owner.pid else "stands by"
        screen.say(f"{child.name:<14} pid {child.pid:<8} {role}")
