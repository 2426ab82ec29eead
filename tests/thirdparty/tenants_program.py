"""Run in a project of django-tenants: two tenants with the same keys, on both sides.

The last line that it prints is one JSON object: what was seen.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

import django
from django.core.management import call_command

from tests.thirdparty.tenants_broker import MAX_RECORD_BYTES, PUBLISHED

POISON = "x" * MAX_RECORD_BYTES


def prepare() -> None:
    from customers.models import Client, Domain

    call_command("makemigrations", "customers", "orders", "crm", verbosity=0)
    call_command("migrate_schemas", "--shared", verbosity=0)
    for name in ("t1", "t2"):
        tenant = Client.objects.create(schema_name=name)
        Domain.objects.create(domain=f"{name}.test", tenant=tenant, is_primary=True)


def emitted() -> list[list[str]]:
    """Key and tenant of the events of requests, of a command, and of code without the attribute."""
    from outbox.models import OutboxEvent

    request("t1", f"order/1/{POISON}")
    request("t2", "order/1/a")
    request("t1", "order/1/b")
    request("t2", "order/1/c")
    request("t1", "close/monday")
    call_command("tenant_command", "close_day", schema_name="t2")
    without_attribute()
    return [[row.key, row.headers["tenant"]] for row in OutboxEvent.objects.order_by("id")]


def request(tenant: str, path: str) -> None:
    from django.test import Client

    response = Client(headers={"host": f"{tenant}.test"}).get(f"/{path}")
    assert response.status_code == 200, response.content


def without_attribute() -> None:
    """DayClosed is refused and OrderPlaced is written, although ``public`` is not on the search path."""
    from django.db import connections, transaction
    from orders.events import DayClosed, OrderPlaced

    import outbox

    connection: Any = connections["default"]
    connection.set_schema("t1", include_public=False)
    with suppress(outbox.InvalidKey), transaction.atomic():
        outbox.emit(OrderPlaced(order_id=2, note="d"))
        outbox.emit(DayClosed(day="tuesday"))
    with transaction.atomic():
        outbox.emit(OrderPlaced(order_id=3, note="e"))
    connection.set_schema_to_public()


def tables() -> list[str]:
    """Where the tables of outbox and inbox are."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE tablename ~ '^(out|in)box_event$|_held$'"
        )
        return sorted(".".join(row) for row in cursor.fetchall())


def published() -> dict[str, Any]:
    from outbox.models import Hold

    call_command("run_relay", "--drain", "--timeout", "60")
    holds = Hold.objects.values_list("scope", "topic", "key")
    return {"published": PUBLISHED, "held": [list(hold) for hold in holds]}


def handled() -> dict[str, Any]:
    """The notes that each tenant has, and the keys that are held."""
    from crm.models import Receipt
    from django_tenants.utils import schema_context

    from inbox.models import HeldEvent
    from inbox.testing import MemoryConsumer
    from outbox.testing import deliver

    deliver(MemoryConsumer("crm", raises=False))
    seen: dict[str, Any] = {"held": [held.key for held in HeldEvent.objects.order_by("id")]}
    for name in ("t1", "t2"):
        with schema_context(name):
            seen[name] = [receipt.note for receipt in Receipt.objects.order_by("id")]
    return seen


if __name__ == "__main__":
    django.setup()
    prepare()
    seen = {"outbox": emitted(), "relay": published(), "inbox": handled(), "tables": tables()}
    sys.stdout.write(f"\n{json.dumps(seen)}\n")
