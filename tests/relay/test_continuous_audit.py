"""A continuous audit proves what is new, and finds what was changed behind what it has proved."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from kafka import KafkaAdminClient

import devstack.kafka
from outbox.log import rows
from outbox.models import OutboxEvent
from outbox_core.wire.encode import encoder
from relay.audit.continuous.auditor import Auditor
from relay.audit.ids import PAGE_IDS
from tests.reading import records_of
from tests.relay.auditors import (
    EVERY,
    SECONDS,
    auditor,
    auditors,
    configure,
    delete_records,
    delete_row,
    first,
    is_different,
    prove,
    publish,
    row,
    turn_until,
)
from tests.relay.audits import SOURCE, Audited, it
from tests.waiting import wait_until

__all__ = ["auditor", "auditors", "it"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_kafka]


def test_what_is_published_is_proved_and_the_proof_moves_on(it: Audited, auditor: Auditor) -> None:
    publish(it)
    prove(auditor)
    before = row().until
    publish(it, "b")
    prove(auditor)
    after = row().until
    assert before is not None
    assert after is not None
    assert after > before


def test_nothing_is_called_proved_before_everything_was_compared_once(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    with monkeypatch.context() as patch:
        patch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
        for _ in range(3):
            auditor.turn()
    assert (row().until, row().compared_at, row().trouble) == (None, None, "")
    prove(auditor)


def test_a_row_that_is_deleted_behind_the_proof_is_found(it: Audited, auditor: Auditor) -> None:
    ids = publish(it)
    prove(auditor)
    event = str(OutboxEvent.objects.get(pk=ids[2]).event_id)
    delete_row(ids[2])
    turn_until(auditor, is_different, "the row is missed")
    assert first()["wrong"] == "phantom"
    until = row().until
    turn_until(auditor, lambda: first()["event_id"] == event, "a whole audit names the event")
    turn_until(auditor, lambda: row().differences == 1, "it is counted once")
    assert row().until == until, "the time until which all was proved"


def test_rows_are_missed_before_a_whole_audit_reads_them(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    delete_row(ids[2])
    seconds = turn_until(auditor, is_different, "the row is missed")
    assert seconds <= 3 * EVERY
    assert first()["where"] == f"#{ids[2]} of the outbox"
    auditor.turn()
    assert row().differences == 1, "it is found once"


def test_older_rows_are_looked_at_little_by_little(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.audit.continuous.following.OLDER_PAGES", 1)
    old = []
    for _ in range(3):
        old += publish(it)
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('outbox_event_id_seq', %s)", [old[-1] + PAGE_IDS])
    OutboxEvent.objects.update(created_at=Now() - timedelta(hours=1))
    it.send(encoder(SOURCE)(row) for row in rows.read("default", "true", {}))  # with these times
    delete_records(it, len(old))
    publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    for _ in range(3):
        auditor.turn()
    delete_row(old[1])
    turn_until(auditor, is_different, "the row is missed")
    assert first()["where"] == f"#{old[1]} of the outbox"


def test_records_that_are_deleted_behind_the_proof_are_found(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    delete_records(it, 2)
    assert turn_until(auditor, is_different, "the records are missed") <= 3 * EVERY
    assert (first()["wrong"], first()["where"]) == ("missing", "partition 0 offsets 0 to 1")
    assert "outbox_replay" in first()["remedy"]


def test_a_topic_that_is_deleted_is_found_until_its_records_are_sent_again(
    it: Audited, auditor: Auditor
) -> None:
    it.emit("a", 5)
    records = it.drain()
    it.send(records)
    prove(auditor)
    with closing(KafkaAdminClient(bootstrap_servers=it.bootstrap)) as admin:
        admin.delete_topics([it.topic])
    turn_until(auditor, is_different, "the topic is missed")
    assert (first()["wrong"], first()["topic"]) == ("missing", it.topic)
    turn_until(auditor, lambda: row().differences == len(records), "a whole audit counts its events")
    devstack.kafka.create_topics(it.bootstrap, {it.topic: 1})
    it.send(records)
    prove(auditor)


def test_a_hole_that_compaction_left_is_found(it: Audited, auditor: Auditor) -> None:
    """The settings of the topic are as before, so that only reading it again can show that."""
    publish(it, "a", 3)
    prove(auditor)
    quick = {"segment_ms": "100", "min_cleanable_dirty_ratio": "0.001", "max_compaction_lag_ms": "100"}
    configure(it, cleanup_policy="compact", **quick)
    time.sleep(0.2)  # the segment becomes old enough
    publish(it, "b", 1)
    wait_until(lambda: len(records_of(it.bootstrap, it.topic)) < 4, SECONDS, "Kafka compacts the topic")
    configure(it, cleanup_policy="delete")
    turn_until(auditor, is_different, "the hole is found")
    assert (first()["wrong"], row().differences) == ("missing", 2)


def test_a_record_with_other_bytes_is_found(it: Audited, auditor: Auditor) -> None:
    publish(it)
    prove(auditor)
    it.emit("a")
    it.send([record._replace(value=b"other") for record in it.drain()])
    turn_until(auditor, is_different, "the bytes are compared")
    assert first()["wrong"] == "altered"


def test_a_row_that_is_changed_behind_the_proof_is_found(it: Audited, auditor: Auditor) -> None:
    ids = publish(it)
    prove(auditor)
    OutboxEvent.objects.filter(pk=ids[1]).update(payload=b"other")
    turn_until(auditor, is_different, "the row is compared again")
    assert first()["wrong"] == "altered"


def test_an_event_that_kafka_never_got_is_found(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    it.emit("a", 3)
    records = it.drain()
    it.send([records[0], records[2]])
    turn_until(auditor, is_different, "it is missed")
    assert first()["event_id"] == dict(records[1].headers)["ce_id"].decode()
    for _ in range(3):
        auditor.turn()
    assert row().differences == 1, "it is found once"


def test_an_event_that_waits_at_first_is_not_forgotten(
    it: Audited, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(it)
    it.emit("a", 3)
    prove(auditor)
    monkeypatch.setattr("relay.audit.continuous.work.Work.audit", lambda *_: None)
    records = it.drain()
    it.send(records[1:])
    turn_until(auditor, is_different, "it is missed")
    assert first()["event_id"] == dict(records[0].headers)["ce_id"].decode()
