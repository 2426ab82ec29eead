"""Kafka: brokers of our own, in containers, a stand-in, or those that KAFKA_BOOTSTRAP_SERVERS names."""

from __future__ import annotations

from devstack.kafka.broker import Broker
from devstack.kafka.cluster import Cluster
from devstack.kafka.server import Server
from devstack.kafka.topics import create_topics

__all__ = ["Broker", "Cluster", "Server", "create_topics"]
