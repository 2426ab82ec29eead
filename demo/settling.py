"""Waiting until every event has arrived everywhere."""

from __future__ import annotations

import time

from demo.broker import Broker
from demo.failover import RELAYS
from demo.outbox import Outbox
from demo.patience import Patience
from demo.processes import Processes
from demo.screen import Screen
from demo.topology import CONSUMERS

TICK = 0.1


def settle(outbox: Outbox, broker: Broker, processes: Processes, screen: Screen) -> None:
    """Return when the outbox has nothing pending and no consumer group has anything left to read."""
    _publish(outbox, processes, screen)
    ends = broker.ends()
    for service in CONSUMERS:
        total = broker.size(service, ends)
        patience = Patience(f"The consumer {service.name}", [processes.running[service.name]])
        with screen.bar(f"handled by {service.name}", total) as bar:
            while (lag := broker.lag(service, ends)) > 0:
                processes.check()
                patience.see(lag)
                bar.to(total - lag)
                time.sleep(TICK)
            bar.to(total)


def _publish(outbox: Outbox, processes: Processes, screen: Screen) -> None:
    patience = Patience("Publishing", [processes.running[name] for name in RELAYS])
    pending = total = outbox.pending()
    if not total:
        return
    with screen.bar("published", total) as bar:
        while pending:
            processes.check()
            patience.see(pending)
            bar.to(total - pending)
            time.sleep(TICK)
            pending = outbox.pending()
        bar.to(total)
