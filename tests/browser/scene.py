"""A bad night in the outbox and in a consumer, and a shop with a customer: what the pages show."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from inbox.models import HeldEvent, Instance, Offset, Pause, Unhandled
from inbox.models import Ledger as InboxLedger
from outbox.models import ConsumerGroups, Ledger, Minute, Operation, OutboxEvent
from outbox.operations import auditing
from outbox.operations.bulk import operations
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order
from outbox_core.wire.consumed import ConsumerRecord
from shop.models import Customer, DeclinedPayment, OrderLine, Product
from shop.models import Order as Purchase
from tests.admin.conftest import Log

HOLDS = 30
"""Holds of the outbox, of a dozen topics, and held events of the consumer."""
PAYLOAD = (
    b'{"order_id": "0190a6e0-7b5e-7c1a-9d53-2f0a4c1b8e11", "total": "12.99", '
    b'"card_number": "4111111111111111", "lines": [{"sku": "exactly-once", "quantity": 2}]}'
)


class Scene(NamedTuple):
    """What addresses are made of, and the cookie of somebody who may see everything."""

    session: str
    event: int
    pending: int
    hold: int
    entry: int
    operation: int
    audit: int
    held: int
    inbox_entry: int
    order: UUID
    declined: UUID
    product: str


def bad_night() -> Scene:
    """A relay that does not reach Kafka, a hundred holds, a backlog, a consumer with failing handlers."""
    log = Log()
    order, declined, session = _shop()
    OutboxEvent.objects.all().delete()
    published = log.insert(1, "customer-7", topic="shop.orders", payload=PAYLOAD, type="shop.order.placed")
    log.position("9:9:", events=500, published=41_250, latency_ms=12)
    held = log.insert(
        3, "customer-7", topic="shop.orders", payload=PAYLOAD, type="shop.order.paid", age=3_000
    )
    hold = log.hold(held, topic="shop.orders", key="customer-7")
    log.fill(HOLDS, first_xid=4)
    for number, event in enumerate(OutboxEvent.objects.order_by("-pk")[:HOLDS]):
        log.hold(event.pk, topic=f"shop.topic-{number // 2}", key=event.key)
    log.hold(topic="shop.returns", key=None, reason="paused")
    pending = log.insert(
        60, "customer-8", topic="shop.orders", payload=PAYLOAD, type="shop.order.placed", age=95
    )
    log.relay(state="degraded", detail="Kafka does not answer (kafka-1:9092): connection refused")
    log.relay(state="standby", owns=())
    _minutes()
    ConsumerGroups.objects.create(id=1, relay="web-1:4711", read_at=Now(), groups=_groups())
    entry = Ledger.objects.create(
        who="mara", verb="release", scope="topic shop.orders", count=3, outcome="done"
    )
    first, noted = _inbox()
    return Scene(
        session=session,
        event=published,
        pending=pending,
        hold=hold.pk,
        entry=entry.pk,
        operation=_operation(),
        audit=_audit(),
        held=first,
        inbox_entry=noted,
        order=order.pk,
        declined=declined,
        product="exactly-once",
    )


def _operation() -> int:
    """One that is half done, and waits for its rate."""
    what = Order(
        verb="release", selection=Selection(topic="shop.orders"), who="mara", reason="INC-13", rate=5
    )
    row = operations.begin(what, "default", 30)
    Operation.objects.filter(pk=row.pk).update(
        done=12, carried_at=Now(), carried_by="relay web-1:4711", due_at=Now() + timedelta(hours=1)
    )
    return row.pk


def _audit() -> int:
    """One that has found a difference."""
    chosen = Selection(all=True, since=timezone.now() - timedelta(hours=1))
    row = operations.begin(auditing.order(chosen, ["shop.orders"], "mara", reason="INC-17"), "default", 4_120)
    missing = f"Missing: event {uuid4()} of shop.orders, key customer-7, #41 of {chosen.since}: not in Kafka"
    said = [
        "Missing in Kafka: 1 event. See who deleted them from Kafka. outbox_replay sends them again.",
        "4,120 published events compared with 4,119 records of 1 topic.",
    ]
    result = {"left": [], "said": said, "first": [missing]}
    done = {"state": "done", "done": 4_120, "events": 1, "after": 1, "carried_by": "relay web-1:4711"}
    times = {"carried_at": Now(), "ended_at": Now()}
    Operation.objects.filter(pk=row.pk).update(options={**row.options, **result}, **done, **times)
    return int(row.pk)


def _minutes() -> None:
    for age in range(60, 0, -1):
        at = Now() - timedelta(minutes=age)
        known = {"last_id": 6_000 - age * 100, "published": 6_000 - age * 90, "latency_ms": 20 + age % 7}
        Minute.objects.create(minute=at, **known, pending=age % 9, oldest_ms=1_000 * (age % 9))


def _groups() -> list[dict[str, object]]:
    row = {"topic": "shop.orders", "state": "STABLE"}
    return [
        {**row, "group": "crm", "members": 2, "lag": 0, "seconds": 0.0},
        {**row, "group": "analytics", "members": 0, "lag": 5_210, "seconds": 2_400.0, "state": "EMPTY"},
    ]


def _shop() -> tuple[Purchase, UUID, str]:
    record = Product.objects.create(
        name="Exactly Once",
        slug="exactly-once",
        artist="Commit & The Logs",
        genre="electronic",
        price=Decimal("12.99"),
        description="Recorded in one take.",
    )
    Customer.objects.register("Ada Lind", "ada@example.com")
    User.objects.filter(email="ada@example.com").update(is_staff=True, is_superuser=True)
    ada = Customer.objects.get(email="ada@example.com")
    order = Purchase.objects.create(customer=ada, total=Decimal("25.98"), placed_at=timezone.now())
    OrderLine.objects.create(order=order, product=record, name=record.name, quantity=2, price=record.price)
    declined = DeclinedPayment.objects.create(order_id=uuid4(), customer_id=ada.pk, amount=Decimal("9.99"))
    client = Client()
    client.force_login(ada)
    client.post("/basket/exactly-once/add/")
    return order, declined.order_id, client.cookies[settings.SESSION_COOKIE_NAME].value


def _inbox() -> tuple[int, int]:
    process = {"consumer": "crm", "host": "crm-1", "handled": 4_120, "partitions": 2}
    Instance.objects.create(
        id=uuid4(),
        pid=31,
        state="waiting",
        detail="PostgreSQL: the connection was refused",
        reads=["shop.orders/0", "shop.orders/1"],
        workers=8,
        in_hand=12,
        progress_at=Now() - timedelta(minutes=4),
        **process,
    )
    Instance.objects.create(
        id=uuid4(), pid=32, state="running", heartbeat_at=Now() - timedelta(minutes=9), **process
    )
    for partition in range(3):
        Offset.objects.create(consumer="crm", topic="shop.orders", partition=partition, offset=4_000)
    Unhandled.objects.create(consumer="crm", type="shop.order.placd", count=17)
    Pause.objects.create(consumer="notifications", topic="", who="mara", detail="INC-12: the mails move")
    rows = [_held(number) for number in range(HOLDS)]
    HeldEvent.objects.bulk_create(rows)
    note = InboxLedger.objects.create(who="mara", verb="discard", scope="event 7", count=1, outcome="done")
    first = HeldEvent.objects.order_by("pk").values_list("pk", flat=True)[0]
    return first, note.pk


def _held(number: int) -> HeldEvent:
    record = ConsumerRecord(
        topic="shop.orders",
        partition=0,
        offset=number,
        key=b"customer-7",
        value=PAYLOAD,
        headers=(("content-type", b"application/json"), ("ce_id", f"e{number}".encode())),
        timestamp=1_700_000_000_000,
    )
    error = f"ValueError: no customer {number}" if number % 2 else ""
    return HeldEvent(
        consumer="crm",
        source="/shop",
        event_id=f"e{number}",
        type="shop.order.paid",
        topic="shop.orders",
        partition=0,
        offset=number,
        key=f"customer-{number}",
        key_hash=number,
        record=msgspec.msgpack.encode(record),
        error=error,
        handler="consumers.crm.handlers.purchase_made",
        attempts=3,
    )
