"""inbox_seek moves a stopped consumer, in its database and in Kafka's copy."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from kafka import KafkaConsumer, TopicPartition
from pytest_django import Settings

from inbox.models import Instance, Ledger, Offset
from inbox.offsets import DatabaseOffsets
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.operators import alive, run
from tests.inbox.topics import KafkaTopic, read

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def log(kafka_topic: KafkaTopic, kafka_bootstrap: str, settings: Settings, client: str) -> KafkaTopic:
    """Six records, of which the consumer ``c`` has handled three."""
    kafka_topic.write(*(b"%d" % number for number in range(3)))
    settings.INBOX = {
        "KAFKA": {"BACKEND": client, "OPTIONS": {"bootstrap_servers": kafka_bootstrap}},
        "CONSUMERS": {"c": {"TOPICS": [kafka_topic.topic], "GROUP": kafka_topic.group}},
    }
    kafka_topic.offsets = DatabaseOffsets("c")  # type: ignore[assignment]
    source = kafka_topic.open()
    read(source, 3)
    DatabaseOffsets.catch_up(kafka_topic.offsets, {(kafka_topic.topic, 0): 3})  # type: ignore[arg-type]
    source.commit({(kafka_topic.topic, 0): 3})
    source.close()
    kafka_topic.write(*(b"%d" % number for number in range(3, 6)))
    return kafka_topic


def seek(log: KafkaTopic, *arguments: str) -> tuple[int, str]:
    return run("inbox_seek", "c", "--topic", log.topic, *arguments)


def offsets(log: KafkaTopic, servers: str) -> tuple[int, int]:
    """In the database, and Kafka's copy."""
    client = KafkaConsumer(bootstrap_servers=servers, group_id=log.group)
    copy = client.committed(TopicPartition(log.topic, 0))
    client.close()
    return Offset.objects.get(consumer="c").offset, copy


@BOTH_CLIENTS
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (["--to-offset", "1"], 1),
        (["--to-offset", "5"], 5),
        (["--to-beginning"], 0),
        (["--to-end"], 6),
        (["--to-time", "2000-01-01T00:00:00Z"], 0),
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
    assert seek(log, "--to-end", "--dry-run") == (0, f"{log.topic}/0: 3 -> 6, 3 skipped\n")
    assert seek(log, "--to-beginning", "--dry-run") == (0, f"{log.topic}/0: 3 -> 0, 3 delivered again\n")
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


def test_refuses_while_an_instance_is_alive(log: KafkaTopic, kafka_bootstrap: str) -> None:
    alive("c")
    code, text = seek(log, "--to-end", "--yes")
    assert (code, "1 heartbeat in" in text) == (1, True)
    Instance.objects.all().delete()
    assert offsets(log, kafka_bootstrap) == (3, 3)


@BOTH_CLIENTS
def test_refuses_while_the_group_has_members(log: KafkaTopic, kafka_bootstrap: str) -> None:
    """Also those that write no heartbeat here, as of another database."""
    source = log.open()
    read(source, 3)
    code, text = seek(log, "--to-end", "--yes")
    assert (code, "1 member in" in text) == (1, True)
    source.close()
    assert offsets(log, kafka_bootstrap) == (3, 3)


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
