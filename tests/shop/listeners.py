"""The tables of the three services, for tests of the journey."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from outbox.models import OutboxEvent

SERVICES = ("crm", "analytics", "notifications")
TABLES = (
    "inbox_processed",
    "inbox_held",
    "crm_customer",
    "crm_purchase",
    "analytics_daily",
    "notifications_welcome_mail",
)


class Listeners:
    """The tables of all three services, in one database: to write into what they would write."""

    def __init__(self, shop: Mapping[str, Any]) -> None:
        self.name = f"{shop['NAME']}_listeners"
        self._server = f"postgresql://{shop['USER']}:{shop['PASSWORD']}@{shop['HOST']}:{shop['PORT']}"
        self.url = f"{self._server}/{self.name}"
        self.urls = dict.fromkeys(SERVICES, self.url)

    def create(self) -> None:
        self._on_server("CREATE DATABASE {}")
        for service in SERVICES:
            own = {
                "DJANGO_SETTINGS_MODULE": f"consumers.{service}.settings",
                f"{service.upper()}_DATABASE_URL": self.url,
            }
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
            subprocess.run(migrate, cwd=settings.BASE_DIR, env={**os.environ, **own}, check=True)

    def drop(self) -> None:
        self._on_server("DROP DATABASE {} WITH (FORCE)")

    def forget(self) -> None:
        self._execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, TABLES))))

    def insert(self, table: str, **row: object) -> None:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Literal, row.values())),
        )
        self._execute(statement)

    def apply(self, service: str, *types: str) -> None:
        """Let a service have applied the events of these types."""
        for event in OutboxEvent.objects.filter(type__in=types):
            self.insert("inbox_processed", consumer=service, source="/shop", event_id=str(event.event_id))

    def hold(self, service: str, type_: str) -> None:
        """Let a service hold the event of a type."""
        event = OutboxEvent.objects.get(type=type_)
        identity = {"consumer": service, "source": "/shop", "event_id": str(event.event_id)}
        where = {"topic": event.topic, "partition": 0, "offset": 0, "record": b""}
        self.insert(
            "inbox_held",
            type=type_,
            error="",
            handler="",
            attempts=1,
            alone=False,
            discarded_by="",
            discard_reason="",
            **identity,
            **where,
        )

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def _on_server(self, statement: str) -> None:
        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(self.name)))
