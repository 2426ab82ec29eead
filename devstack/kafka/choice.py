"""Chooses which Kafka to use."""

from __future__ import annotations

import os
from functools import partial

from devstack.choice import first_available
from devstack.kafka.cluster import Cluster
from devstack.kafka.containers import Containers
from devstack.kafka.external import External
from devstack.kafka.server import Server
from devstack.kafka.tansu import Tansu


def choose_kafka(brokers: int = 1) -> Server:
    """The brokers of KAFKA_BOOTSTRAP_SERVERS if it is set, else containers, our own, or the stand-in.

    None of them is started yet.
    """
    if bootstrap_servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return first_available([lambda: External(bootstrap_servers)])
    return first_available([partial(kind, brokers=brokers) for kind in (Containers, Cluster, Tansu)])
