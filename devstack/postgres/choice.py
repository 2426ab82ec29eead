"""Chooses which PostgreSQL to use."""

from __future__ import annotations

import os
from functools import partial

from devstack.choice import first_available
from devstack.postgres.cluster import Cluster
from devstack.postgres.container import Container
from devstack.postgres.external import External
from devstack.postgres.server import Server


def choose_postgres() -> Server:
    """The server of DATABASE_URL if it is set, else one in a container, else our own; not yet started."""
    if database_url := os.environ.get("DATABASE_URL"):
        return first_available([lambda: External(database_url)])
    return first_available([partial(kind) for kind in (Container, Cluster)])
