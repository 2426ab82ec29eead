"""What every PostgreSQL of devstack can do."""

from __future__ import annotations

from abc import abstractmethod
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

import devstack.server


class Server(devstack.server.Server):
    """A PostgreSQL server: one of our own, one in a container, or one that was there before us."""

    @property
    @abstractmethod
    def database_url(self) -> str:
        """Where a superuser reaches the server, as DATABASE_URL gives it."""

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{database}"))

    def create_database(self, name: str) -> str:
        """Create a database where it does not exist, and return its URL."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def answers(self) -> bool:
        """Whether it answers SELECT 1 now."""
        try:
            with psycopg.connect(self.database_url, connect_timeout=5, autocommit=True) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True
