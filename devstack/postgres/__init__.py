"""PostgreSQL: one of our own, one in a container, or the one that DATABASE_URL names."""

from __future__ import annotations

from devstack.postgres.cluster import Cluster
from devstack.postgres.server import Server

__all__ = ["Cluster", "Server"]
