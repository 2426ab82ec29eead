"""How long the pages of the admin take, and how many queries: many events, 300,000 held ones, 32 shards."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.ground import fill, topic
from outbox.models import Hold, OutboxEvent

SHARDS = 32
HELD, KEYS = 300_000, 20_000
TIMES = 5
# All events in it are published or held, without a relay and Kafka, which would take long for ten millions.
_POSITION = """
    INSERT INTO outbox_checkpoint (shard_id, epoch, seq, xid, lo, published, events, bytes, latency_ms)
    SELECT shard.id, shard.epoch, 1000000, pg_current_xact_id(), pg_current_snapshot(), 0, 0, 0, 0
    FROM outbox_shard AS shard
"""
_HOLDS = """
    INSERT INTO outbox_hold (scope, topic, key, reason, detail, attempts)
    SELECT 'key', %(topic)s, 'key-' || n, 'poison', 'MessageSizeTooLargeError ' || n %% 10, 1
    FROM generate_series(0, %(keys)s - 1) AS n
"""
_HELD = """
    INSERT INTO outbox_held (hold_id, event_id, bucket)
    SELECT hold.id, event.id, event.bucket
    FROM outbox_event AS event JOIN outbox_hold AS hold USING (topic, key)
    ORDER BY event.id LIMIT %(held)s
"""
_OF_TRANSACTIONS = ("BEGIN", "SET ", "SELECT set_config", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")


def run(events: int = 1_000_000) -> Iterator[str]:
    name = topic()
    call_command("outbox_shards", str(SHARDS), verbosity=0)
    fill(name, events, 10 * KEYS)
    with connection.cursor() as cursor:
        for statement in (_POSITION, _HOLDS, _HELD):
            cursor.execute(statement, {"topic": name, "keys": KEYS, "held": HELD})
        cursor.execute("VACUUM ANALYZE")
    held = Hold.objects.filter(topic=name).count()
    yield f"{events:,} events, {held:,} holds of keys, {SHARDS} shards; the median of {TIMES} times"
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("benchmarks"))
    for title, address in _pages(name).items():
        yield f"{title:<34} {_measured(client, address)}"


def _pages(name: str) -> Mapping[str, str]:
    """The address of each page."""
    events = "/admin/outbox/outboxevent/"
    first, middle = OutboxEvent.objects.order_by("pk")[:1].get(), _middle(name)
    hold = Hold.objects.filter(topic=name).latest("pk")
    searches = {
        "by event id": {"q": str(middle.event_id)},
        "by sequence": {"q": str(middle.pk)},
        "by key": {"q": middle.key, "by": "key"},
        "by key, which has none": {"q": "no-such-key", "by": "key"},
        "by correlation, which has none": {"q": "no-such-id", "by": "correlation"},
        "by type": {"type": middle.type},
        "by topic, which has none": {"topic": "no-such-topic"},
        "held ones": {"status": "held"},
        "pending ones": {"status": "pending"},
        "of a time": {"until": f"{middle.created_at:%Y-%m-%d %H:%M:%S}"},
    }
    return {
        "status": "/admin/outbox/outboxstatus/",
        "status of a month": "/admin/outbox/outboxstatus/?period=month",
        "events": events,
        **{f"events, {title}": f"{events}?{urlencode(query)}" for title, query in searches.items()},
        "the first event": f"{events}{first.pk}/change/",
        "an event in the middle": f"{events}{middle.pk}/change/",
        "holds": "/admin/outbox/hold/",
        "a hold": f"/admin/outbox/hold/{hold.pk}/change/",
        "operations": "/admin/outbox/operation/",
        "a new operation": "/admin/outbox/operation/new/",
        "ledger": "/admin/outbox/ledger/",
    }


def _middle(name: str) -> OutboxEvent:
    ids = OutboxEvent.objects.filter(topic=name).order_by("pk")
    newest, oldest = ids.reverse()[:1].get().pk, ids[:1].get().pk
    return ids.filter(pk__gte=(newest + oldest) // 2)[:1].get()


def _measured(client: Client, address: str) -> str:
    seconds, queries, others = [], 0, 0
    for _ in range(TIMES):
        with CaptureQueriesContext(connection) as captured:
            began = time.perf_counter()
            answer = client.get(address)
            seconds.append(time.perf_counter() - began)
        others = sum(query["sql"].startswith(_OF_TRANSACTIONS) for query in captured)
        queries = len(captured) - others
    code = "" if answer.status_code == 200 else f", status code {answer.status_code}"
    ms = statistics.median(seconds) * 1000
    return f"{ms:6.0f} ms, {queries:>2} queries and {others} of transactions{code}"
