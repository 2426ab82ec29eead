"""Asks the services what they did with the events of an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from psycopg.rows import dict_row

from shop.journey.services import SERVICES, Service

if TYPE_CHECKING:
    from uuid import UUID

    from shop.models import Order

PROCESSED = """
SELECT event_id, processed_at, held.id IS NOT NULL AS held
FROM inbox_processed LEFT JOIN inbox_held AS held USING (consumer, source, event_id)
WHERE consumer = %(consumer)s AND source = %(source)s AND event_id = ANY(%(event_ids)s)
"""
READ_ONLY = "-c default_transaction_read_only=on -c statement_timeout=2000"


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of a service: when it applied each event, which it held, what it knows; or its problem."""

    applied: Mapping[str, datetime] = field(default_factory=dict)
    held: Set[str] = frozenset()
    knows: str = ""
    problem: str = ""


def report(service: Service, order: Order, event_ids: Sequence[UUID]) -> Report:
    """Ask one service about these events of an order."""
    try:
        with connected(service) as connection:
            known = {
                "consumer": service.name,
                "source": settings.OUTBOX["SOURCE"],
                "event_ids": list(map(str, event_ids)),
            }
            rows = connection.execute(PROCESSED, known).fetchall()
            values = {"customer_id": order.customer_id, "day": order.placed_at.date()}
            row = connection.execute(service.question, values).fetchone()
    except psycopg.Error as error:
        return Report(problem=problem(error))
    applied = {row["event_id"]: row["processed_at"] for row in rows if not row["held"]}
    held = {row["event_id"] for row in rows if row["held"]}
    return Report(applied, held, service.answer(row))


def reports(order: Order, event_ids: Sequence[UUID]) -> dict[Service, Report]:
    """Ask every service of JOURNEY at the same time, so that an outage of several costs only one wait."""
    services = [service for service in SERVICES if service.name in settings.JOURNEY]
    with ThreadPoolExecutor(max_workers=len(SERVICES)) as pool:
        answers = pool.map(lambda service: report(service, order, event_ids), services)
        return dict(zip(services, answers, strict=True))


def traces(order_id: UUID) -> dict[Service, int | None]:
    """How many rows each service has of this order; None if a service does not answer."""
    found: dict[Service, int | None] = {}
    for service in SERVICES:
        if service.trace and service.name in settings.JOURNEY:
            try:
                with connected(service) as connection:
                    row = connection.execute(service.trace, {"order_id": str(order_id)}).fetchone()
                    found[service] = row["count"] if row else 0
            except psycopg.Error:
                found[service] = None
    return found


def connected(service: Service) -> psycopg.Connection[dict[str, Any]]:
    """A new read-only connection to the database of a service."""
    url = settings.JOURNEY[service.name]
    return psycopg.connect(url, connect_timeout=2, options=READ_ONLY, autocommit=True, row_factory=dict_row)


def problem(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "Its database has no tables yet."
    return "Its database does not answer." if isinstance(error, psycopg.OperationalError) else str(error)
