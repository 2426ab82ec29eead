"""Reads everything that the demo compares at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from demo.reconcile.databases import read_analytics, read_crm, read_notifications, read_shop
from demo.reconcile.facts import Ledgers
from demo.reconcile.kafka import read_records
from demo.reconcile.mailbox import read_recipients
from demo.topology import ANALYTICS, CRM, NOTIFICATIONS, SHOP, Topology


def read_all(
    topology: Topology, mails: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> Ledgers:
    """What the databases, Kafka and the folder of mails of one demo hold; ``progress`` is Kafka's."""
    return Ledgers(
        shop=read_shop(topology.url(SHOP)),
        records=read_records(topology.bootstrap_servers, topology.topics, progress),
        crm=read_crm(topology.url(CRM)),
        analytics=read_analytics(topology.url(ANALYTICS)),
        notifications=read_notifications(topology.url(NOTIFICATIONS), read_recipients(mails)),
    )
