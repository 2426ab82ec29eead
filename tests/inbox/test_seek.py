"""inbox_seek moves a consumer, in its database and in Kafka's copy."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from kafka import KafkaConsumer, TopicPartition
from pytest_django import Settings

from inbox.models import Instance, Ledger, Operation
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.operators import alive, run
from tests.inbox.seeks import offsets, request
from tests.inbox.test_members import polled
from tests.inbox.topics import KafkaTopic, read
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
NO_HEARTBEAT = "has 1 member that writes no heartbeat into this database"


@pytest.fixture
def log(half_read: KafkaTopic) -> KafkaTopic:
    return half_read


def seek(log: KafkaTopic, *arguments: str) -> tuple[int, str]:
    return run("inbox_seek", "c", "--topic", log.topic, *arguments)


@BOTH_CLIENTS
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (["--to-offset", "1"], 1),
        (["--to-offset", "5"], 5),
        (["--to-beginning"], 0),
        (["--to-end"], 6),
        (["--to-time", "2000-01-01T00:00:00Z"], 0),
        (["--to-time", "1969-12-31T23:59:59.999Z"], 0),
        (["--to-time", "0001-01-01"], 0),
        (["--to-time", "2999-01-01"], 6),
    ],
    ids=lambda value: "".join(value) if isinstance(value, list) else str(value),
)
def test_moves_to(
    log: KafkaTopic,
    kafka_bootstrap: str,
    caplog: pytest.LogCaptureFixture,
    place: list[str],
    expected: int,
) -> None:
    assert seek(log, *place, "--yes", "--reason", "ticket 7")[0] == 0
    assert offsets(log, kafka_bootstrap) == (expected, expected)
    [line] = [record for record in caplog.records if record.name == "inbox"]
    assert (line.action, line.levelno) == ("inbox.seek", logging.WARNING)  # type: ignore[attr-defined]
    assert "ticket 7" in line.getMessage()
    entry = Ledger.objects.by_people().get()
    assert (entry.verb, entry.reason, entry.before) == ("seek", "ticket 7", "partition 0 at 3")
    assert entry.selection == {"consumer": "c", "topic": log.topic, "partition": [0]}
    if expected < 6:
        assert read(log.open(), 1)[0].offset == expected, "the consumer begins there"


@BOTH_CLIENTS
def test_moves_to_a_moment_between_two_records(log: KafkaTopic, kafka_bootstrap: str) -> None:
    moment = datetime.now(UTC)
    log.write(b"later")
    seek(log, "--to-time", moment.isoformat(), "--yes")
    assert offsets(log, kafka_bootstrap) == (6, 6)


def test_dry_run_says_what_would_be_done(log: KafkaTopic, kafka_bootstrap: str) -> None:
    for place, change, effect in (
        ("--to-end", "3 -> 6, 3 skipped", "never handled"),
        ("--to-beginning", "3 -> 0, 3 delivered again", "each effect still happens once"),
    ):
        code, text = seek(log, place, "--dry-run")
        lines = text.splitlines()
        assert (code, lines[0]) == (0, f"{log.topic}/0: {change}")
        assert (effect in lines[1], lines[-1]) == (True, "Nothing was changed.")
        assert "inbox_prune" not in text
    assert offsets(log, kafka_bootstrap) == (3, 3)
    assert not Ledger.objects.by_people().exists()


def test_asks_before_events_are_skipped(
    log: KafkaTopic, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert seek(log, "--to-end") == (1, "Nothing was changed.")
    assert offsets(log, kafka_bootstrap) == (3, 3)
    assert seek(log, "--to-beginning")[0] == 0


def test_without_a_terminal_it_asks_for_yes(log: KafkaTopic, kafka_bootstrap: str) -> None:
    code, text = seek(log, "--to-end")
    assert (code, "--yes" in text) == (1, True)
    assert offsets(log, kafka_bootstrap) == (3, 3)
    assert seek(log, "--to-end", "--yes")[0] == 0


@pytest.fixture
def old_record(kafka_topic: KafkaTopic) -> None:
    """Before the records of ``log``."""
    kafka_topic.write(b"old", timestamp=datetime.now(UTC) - timedelta(days=2))


def test_says_that_effects_may_happen_again_where_notes_may_be_pruned(
    old_record: None, log: KafkaTopic, settings: Settings
) -> None:
    settings.INBOX = {**settings.INBOX, "RETENTION_DAYS": 1}
    for offset, forgotten in (("0", True), ("1", False)):
        code, text = seek(log, "--to-offset", offset, "--dry-run")
        assert (code, "If inbox_prune has deleted their notes" in text) == (0, forgotten)


def test_waits_for_processes_that_run_and_does_it_if_they_have_died(
    log: KafkaTopic, kafka_bootstrap: str
) -> None:
    process = alive("c")
    seen: list[tuple[int, int | None]] = []

    def die() -> None:
        wait_until(
            lambda: Operation.objects.filter(carried_by__startswith="command").exists(), 20, "it waits"
        )
        seen.append(offsets(log, kafka_bootstrap))
        Instance.objects.filter(pk=process.pk).delete()
        connection.close()

    death = threading.Thread(target=die)
    death.start()
    assert seek(log, "--to-end", "--yes")[0] == 0
    death.join(20)
    assert (seen, offsets(log, kafka_bootstrap)) == ([(3, 3)], (6, 6))


def test_one_request_for_a_partition_at_a_time(log: KafkaTopic, kafka_bootstrap: str) -> None:
    row = request({0: 1}, consumer="c", topic=log.topic)
    code, text = seek(log, "--to-end", "--yes")
    assert (code, f"inbox_operations {row.pk} --cancel" in text) == (1, True)
    assert run("inbox_operations", str(row.pk), "--resume")[0] == 0, "and another command continues it"
    assert offsets(log, kafka_bootstrap) == (1, 1)


@BOTH_CLIENTS
def test_refuses_while_the_group_has_members(log: KafkaTopic, kafka_bootstrap: str) -> None:
    """Also those that write no heartbeat here, as of another database."""
    source = log.open()
    read(source, 3)
    code, text = seek(log, "--to-end", "--yes")
    assert (code, NO_HEARTBEAT in text) == (1, True)
    assert not Operation.objects.exists()
    source.close()
    assert offsets(log, kafka_bootstrap) == (3, 3)


@BOTH_CLIENTS
def test_refuses_while_another_database_has_members_beside_our_own(log: KafkaTopic) -> None:
    """They would never move the partitions that they read."""
    ours = log.open()
    read(ours, 3)
    alive("c", member=ours.member(), heartbeat_at=Now() + timedelta(hours=1))
    assert seek(log, "--to-end", "--dry-run")[0] == 0
    theirs = log.open()
    with polled(ours, every=0.1), polled(theirs, every=0.1):
        wait_until(
            lambda: NO_HEARTBEAT in seek(log, "--to-end", "--dry-run")[1], 60, "the other one has joined"
        )
        assert seek(log, "--to-end", "--yes")[0] == 1
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [["--to-offset", "7"], ["--to-offset", "-1"], ["--to-time", "soon"], ["--to-end", "--partition", "4"]],
    ids="".join,
)
def test_what_cannot_be_is_a_usage_error(log: KafkaTopic, arguments: list[str]) -> None:
    assert seek(log, *arguments)[0] == 2


def test_a_topic_of_another_consumer_is_a_usage_error(log: KafkaTopic) -> None:
    code, text = run("inbox_seek", "c", "--topic", "elsewhere", "--to-end")
    assert (code, log.topic in text) == (2, True)


def test_a_topic_that_is_deleted_meanwhile_is_one_line(
    log: KafkaTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object, partitions: list[TopicPartition], **__: object) -> None:
        raise KeyError(partitions[0])

    monkeypatch.setattr(KafkaConsumer, "end_offsets", gone)
    code, text = seek(log, "--to-end", "--yes")
    assert (code, log.topic in text) == (1, True)


@BOTH_CLIENTS
def test_kafka_that_does_not_answer_is_one_line(log: KafkaTopic, settings: Settings, client: str) -> None:
    settings.INBOX = {
        **settings.INBOX,
        "KAFKA": {"BACKEND": client, "OPTIONS": {"bootstrap_servers": "127.0.0.1:1"}},
    }
    code, text = seek(log, "--to-end", "--yes")
    assert (code, text.startswith("Kafka: 127.0.0.1:1")) == (1, True)
