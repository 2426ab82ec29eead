"""What can go wrong, by name. A fault returns when it is over and everything can work again."""

from __future__ import annotations

from tests.torture.faults import brokers, databases, failover, network, relays, shards, topics
from tests.torture.faults.fault import Fault

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for module in (relays, databases, brokers, network, shards, topics, failover)
    for fault in module.FAULTS
}

__all__ = ["FAULTS", "Fault"]
