"""A PostgreSQL that is already running."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg

from devstack.errors import DevstackError
from devstack.postgres.server import Server


class External(Server):
    """The server that DATABASE_URL names; left as it is found."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    def __str__(self) -> str:
        parts = urlsplit(self._database_url)
        return f"PostgreSQL of DATABASE_URL, {parts.hostname}:{parts.port or 5432}"

    @property
    def database_url(self) -> str:
        return self._database_url

    def launch(self) -> None:
        """Nothing to start: it is there, or ``await_ready`` says that it is not."""

    def await_ready(self) -> None:
        try:
            with psycopg.connect(self.database_url, connect_timeout=5, autocommit=True) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise DevstackError(
                f"DATABASE_URL is set, but no PostgreSQL answers there: {str(error).strip()}\n"
                "Start that server, correct the URL, or unset the variable to have one brought up here."
            ) from error

    def close(self) -> None:
        """Nothing to stop: it is not ours."""
