"""Creates, migrates and removes the databases of the services."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from psycopg import sql

from demo.processes import Processes
from demo.topology import SERVICES, Topology

TICK = 0.05


@dataclass(frozen=True, slots=True)
class Databases:
    """One for each service, on the server that they share."""

    topology: Topology

    def names(self) -> list[str]:
        return [self.topology.database(service) for service in SERVICES]

    def create(self) -> None:
        with psycopg.connect(self.topology.database_url, autocommit=True) as server:
            for name in self.names():
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def migrate(self, processes: Processes) -> None:
        """Run the migrations of all services side by side."""
        arguments = ("migrate", "--no-input", "--verbosity=0")
        running = [processes.run(f"migrate-{s.name}", *arguments, settings=s.settings) for s in SERVICES]
        while running:
            running = [child for child in running if not processes.finished(child)]
            time.sleep(TICK)

    def drop(self) -> None:
        with psycopg.connect(self.topology.database_url, autocommit=True) as server:
            for name in self.names():
                server.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )
