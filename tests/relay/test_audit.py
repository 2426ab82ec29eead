"""outbox_audit proves that Kafka has what the outbox has, and finds whatever was changed on either side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from kafka import KafkaAdminClient, TopicPartition
from pytest_django import Settings

from outbox.log import rows
from outbox.models import OutboxEvent
from outbox_core.operations.doctor.probe_record import probe_record
from outbox_core.wire.encode import Record, encoder, wire_time
from tests.relay.audits import SOURCE, Audited, it
from tests.relay.conftest import pause

__all__ = ["it"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_kafka]
MADE_UP = b"0191d2c0-0000-7000-8000-000000000001"


@pytest.fixture(params=["kafka-python", "confluent"])
def each_client(request: pytest.FixtureRequest, it: Audited, settings: Settings) -> None:
    """Kafka is read by this client."""
    settings.KAFKA = {**settings.KAFKA, "BACKEND": request.param}


def without(records: list[Record], number: int) -> list[Record]:
    return records[:number] + records[number + 1 :]


def event_id(record: Record) -> str:
    return dict(record.headers)["ce_id"].decode()


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_both_clients_and_both_modes_prove_what_is_there(it: Audited, each_client: None, mode: str) -> None:
    it.emit("a", 3)
    it.emit("b", 2)
    OutboxEvent.objects.filter(key="a").update(payload=b'{"n":  1}', headers={"actor": "someone"})
    OutboxEvent.objects.filter(key="b").update(payload=None)
    it.drain()
    encode, other = encoder(SOURCE, mode), encoder(SOURCE, mode, ("sequence", "partitionkey"))
    written = list(rows.read("default", "true", {}))
    it.send([*map(encode, written), *map(other, written)])
    it.audit()
    assert (it.code, it.differences, it.published) == (0, {}, 5)


def test_without_the_sequence_of_events_nothing_can_be_proved(it: Audited, settings: Settings) -> None:
    settings.RELAY = {**settings.RELAY, "EXTENSIONS": []}
    it.audit()
    assert it.code == 2
    assert "EXTENSIONS" in str(it.data["problems"])


def test_copies_other_sources_and_test_records_are_counted_apart(it: Audited) -> None:
    it.emit("a", 4)
    records = it.drain()
    other = [encoder("/other")(row)._replace(topic=it.topic) for row in rows.read("default", "true", {})]
    replayed = records[1]._replace(headers=[*records[1].headers, ("ce_replay", b"7")])
    doctors = probe_record(it.topic, "8a5c2f2c-0000-4000-8000-000000000000", SOURCE)
    foreign = Record(it.topic, b"k", b"not an event", [])
    records[0] = records[0]._replace(headers=[*records[0].headers, ("traceparent", b"of a tracer")])
    it.send([*records, *records[1:3], *other, replayed, doctors, foreign])
    it.audit()
    assert (it.code, it.differences, it.published) == (0, {}, 4)
    assert (it.data["again"], it.data["replayed"], it.data["others"], it.data["tests"]) == (2, 1, 5, 1)


def test_a_record_that_kafka_lacks_is_missing(it: Audited) -> None:
    it.emit("a", 5)
    records = it.drain()
    it.send(without(records, 3))
    it.audit()
    assert (it.code, it.differences) == (2, {"missing": 1})
    assert (it.first["event_id"], it.first["key"], it.first["topic"]) == (event_id(records[3]), "a", it.topic)
    it.send([records[3]._replace(headers=[*records[3].headers, ("ce_replay", b"7")])])
    assert it.audit().code == 0


def test_records_that_were_deleted_from_kafka_are_missing(it: Audited) -> None:
    it.emit("a", 5)
    it.send(it.drain())
    with closing(KafkaAdminClient(bootstrap_servers=it.bootstrap)) as admin:
        admin.delete_records({TopicPartition(it.topic, 0): 2})
    it.audit()
    assert (it.code, it.differences) == (2, {"missing": 2})


def test_a_row_that_was_deleted_from_the_outbox_leaves_a_phantom(it: Audited, each_client: None) -> None:
    ids = it.emit("a", 5)
    records = it.drain()
    it.send(records)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM outbox_event WHERE id = %s", [ids[2]])
    it.audit()
    assert (it.code, it.differences) == (2, {"phantom": 1})
    assert it.first["event_id"] == event_id(records[2])


@pytest.mark.parametrize(
    ("sequence", "event"),
    [
        (None, MADE_UP),
        (b"00000000000000000001", MADE_UP),
        (b"99999999999999999999", b"urn:uuid:" + MADE_UP),
        (b"-1", b"x"),
    ],
)
def test_a_record_that_was_never_emitted_is_a_phantom(
    it: Audited, sequence: bytes | None, event: bytes
) -> None:
    it.emit("a", 2)
    records = it.drain()
    made_up = {**dict(records[0].headers), "ce_id": event}
    made_up.pop("ce_sequence")
    if sequence is not None:
        made_up["ce_sequence"] = sequence
    made_up["ce_time"] = wire_time(datetime.now(UTC) + timedelta(seconds=5)).encode()
    it.send([*records, records[0]._replace(headers=[*made_up.items()])])
    it.audit()
    assert (it.code, it.differences) == (2, {"phantom": 1})


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record._replace(value=b"a:x"),
        lambda record: record._replace(value=None),
        lambda record: record._replace(key=b"b"),
        lambda record: record._replace(
            headers=[(name, b"x" if name == "ce_type" else value) for name, value in record.headers]
        ),
        lambda record: record._replace(
            headers=[(name, b"1" if name == "ce_sequence" else value) for name, value in record.headers]
        ),
        lambda record: record._replace(headers=[*record.headers, ("ce_actor", b"someone")]),
    ],
    ids=["payload", "tombstone", "key", "attribute", "sequence", "more"],
)
def test_a_record_with_other_bytes_is_altered(it: Audited, change: Callable[[Record], Record]) -> None:
    it.emit("a", 3)
    records = it.drain()
    it.send([*records[:2], change(records[2])])
    it.audit()
    assert (it.code, it.differences) == (2, {"altered": 1})
    assert it.first["event_id"] == event_id(records[2])


def test_events_of_one_transaction_in_another_order_are_out_of_order(it: Audited) -> None:
    it.emit("a", 3)
    it.emit("b", 3)
    one, two, three, *rest = it.drain()
    it.send([one, three, *rest, two])
    it.audit()
    assert (it.code, it.differences) == (2, {"out of order": 1})
    assert it.first["event_id"] == event_id(two)


def test_the_order_of_transactions_that_may_overlap_is_not_judged(it: Audited) -> None:
    it.emit("a")
    it.emit("a")
    one, two = it.drain()
    it.send([two, one])
    it.audit()
    assert (it.code, it.differences) == (1, {"perhaps out of order": 1})


def test_what_waits_is_not_missing(it: Audited) -> None:
    it.emit("a", 2)
    it.send(it.drain())
    pause(it.topic)
    it.emit("b", 3)
    it.drain()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_held SET discarded_at = now() WHERE event_id = (SELECT max(id) FROM outbox_event)"
        )
    it.emit("c", 4)
    it.audit()
    assert (it.code, it.published) == (0, 2)
    assert it.data["waiting"] == {"held": 2, "discarded": 1, "pending": 4}


def test_only_a_range_of_time_is_compared(it: Audited) -> None:
    ids = it.emit("a", 4)
    times = dict(OutboxEvent.objects.filter(pk__in=ids).values_list("pk", "created_at"))
    records = it.drain()
    it.send(records[1:3])
    since, until = times[ids[1]].isoformat(), times[ids[3]].isoformat()
    assert it.audit("--since", since, "--until", until).code == 0
    assert it.published == 2
    assert it.audit("--since", since).differences == {"missing": 1}


def test_rows_that_retention_deleted_lie_outside(it: Audited) -> None:
    ids = it.emit("a", 4)
    it.send(it.drain())
    OutboxEvent.objects.filter(pk__in=ids[:2]).delete()
    it.audit()
    assert (it.code, it.published) == (0, 2)


def test_a_compacted_topic_cannot_be_proved(it: Audited, topic: Callable[..., str]) -> None:
    it.topic = topic(**{"cleanup.policy": "compact"})
    it.emit("a", 2)
    it.send(it.drain())
    it.audit()
    assert it.code == 1
    assert it.data["outside"] == {f"of {it.topic} (compacted)": 2}


def test_a_topic_that_does_not_exist_has_nothing(it: Audited) -> None:
    it.topic = f"{it.topic}.gone"
    it.emit("a", 2)
    it.drain()
    assert it.audit().differences == {"missing": 2}


def test_positions_of_another_database_are_refused(it: Audited) -> None:
    it.emit("a")
    it.drain()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_checkpoint SET xid = '3'")
    it.audit()
    assert (it.code, it.data["state"]) == (2, "refused")


def test_without_kafka_nothing_is_proved(
    it: Audited, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.management.commands.outbox_audit.ASK_SECONDS", 1.0)
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": ["127.0.0.1:1"]}}
    it.emit("a")
    it.drain()
    it.audit()
    assert (it.code, it.data["state"]) == (2, "unreadable")


def test_an_audit_that_runs_out_of_time_proves_nothing(it: Audited) -> None:
    it.emit("a")
    it.send(it.drain())
    it.audit("--timeout", "0.000001")
    assert (it.code, it.data["state"], it.differences) == (1, "not proved", {})


def test_an_empty_topic_proves_nothing(it: Audited, each_client: None) -> None:
    assert it.audit().code == 1
    assert it.data["state"] == "not proved"
