from __future__ import annotations

from abc import ABC, abstractmethod
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


class Server(ABC):
    """A PostgreSQL server: one of our own, one in a container, or one that was there before us."""

    @property
    @abstractmethod
    def database_url(self) -> str:
        """Where a superuser reaches the server, as DATABASE_URL gives it."""

    @abstractmethod
    def launch(self) -> None:
        """Start it without waiting for it."""

    @abstractmethod
    def await_ready(self) -> None:
        """Return once it answers SELECT 1; raises DevstackError if it never does."""

    @abstractmethod
    def close(self) -> None:
        """Stop it for good, and remove its data."""

    def start(self) -> None:
        self.launch()
        self.await_ready()

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
