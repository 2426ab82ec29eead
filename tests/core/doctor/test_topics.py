"""A topic is judged by what its writers or readers need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outbox_core.address import Address
from outbox_core.operations.doctor.cluster import Cluster, Partition, Topic, Trouble
from outbox_core.operations.doctor.step import Finding, NotTried, Outcome, Result
from outbox_core.operations.doctor.topics import DAY_MS, Needs, acl, judge

ONE = Cluster(id="c", brokers=(Address("one", 1),))
THREE = Cluster(id="c", brokers=(Address("one", 1), Address("two", 1), Address("three", 1)))
CONFIGS = {
    "min.insync.replicas": "2",
    "max.message.bytes": "1048588",
    "cleanup.policy": "delete",
    "retention.ms": str(7 * DAY_MS),
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": str(2**63 - 1),
    "message.timestamp.after.max.ms": "3600000",
}
WRITER = Needs(operations=("WRITE", "DESCRIBE"), writes=True, record_bytes=1_000_573)
READER = Needs(operations=("READ", "DESCRIBE"), writes=False, kept_ms=30 * DAY_MS)


def partition(number: int = 0, **changes: Any) -> Partition:
    healthy = Partition(number=number, replicas=3, in_sync=3, has_leader=True)
    return replace(healthy, **changes)


def topic(*partitions: Partition, **configs: str) -> Topic:
    changed = {name.replace("_", "."): value for name, value in configs.items()}
    return Topic(name="orders", partitions=partitions or (partition(),), configs={**CONFIGS, **changed})


def outcome(found: Topic, needs: Needs = WRITER, cluster: Cluster = THREE) -> Outcome:
    return Result.of("topic", list(judge(found, needs, cluster)), 0.0).outcome


def test_commands_name_the_cluster_and_the_client() -> None:
    """Kafka's tools refuse to begin without --bootstrap-server."""
    unreadable = replace(topic(), configs={})
    lacking = replace(topic(), operations=frozenset({"READ"}))
    missing = Topic(name="orders", trouble=Trouble.MISSING)
    said = [
        *acl(lacking, WRITER, "User:relay"),
        *judge(unreadable, WRITER, THREE, "User:relay"),
        *judge(missing, WRITER, THREE),
        *judge(topic(message_timestamp_after_max_ms="1000"), WRITER, THREE),
    ]
    remedies = [each.remedy for each in said if isinstance(each, Finding)]
    assert len(remedies) == 4
    assert all(".sh --bootstrap-server …" in remedy for remedy in remedies)
    assert ["--allow-principal User:relay" in remedy for remedy in remedies] == [True, True, False, False]


def test_a_healthy_topic_is_well() -> None:
    assert outcome(topic()) is Outcome.OK
    assert outcome(topic(), READER) is Outcome.OK


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Topic(name="orders", trouble=Trouble.MISSING), Outcome.FAILED),
        (topic(partition(has_leader=False)), Outcome.FAILED),
        (topic(partition(in_sync=2)), Outcome.WARNING),
        (topic(partition(in_sync=1)), Outcome.FAILED),
        (topic(partition(replicas=1, in_sync=1)), Outcome.FAILED),
        (topic(min_insync_replicas="1"), Outcome.WARNING),
        (topic(max_message_bytes="1000000"), Outcome.WARNING),
        (topic(cleanup_policy="compact"), Outcome.WARNING),
        (topic(message_timestamp_after_max_ms="1000"), Outcome.WARNING),
        (topic(message_timestamp_before_max_ms="1000"), Outcome.WARNING),
        (
            topic(message_timestamp_before_max_ms="1000", message_timestamp_type="LogAppendTime"),
            Outcome.OK,
        ),
        (replace(topic(), configs={}), Outcome.WARNING),
    ],
)
def test_what_a_writer_needs(found: Topic, expected: Outcome) -> None:
    assert outcome(found) is expected


def test_min_insync_replicas_above_the_replicas_names_the_number() -> None:
    found = topic(partition(replicas=2, in_sync=2), min_insync_replicas="3")
    [problem] = [each for each in judge(found, WRITER, THREE) if isinstance(each, Finding)]
    assert "min.insync.replicas 3" in problem.text
    assert "min.insync.replicas=1" in problem.remedy


def test_one_replica_is_enough_where_there_is_one_broker() -> None:
    single = topic(partition(replicas=1, in_sync=1), min_insync_replicas="1")
    assert outcome(single, cluster=ONE) is Outcome.OK
    assert outcome(single, cluster=THREE) is Outcome.WARNING


@pytest.mark.parametrize(
    ("policy", "tombstones", "states", "expected"),
    [
        ("delete", True, True, Outcome.WARNING),
        ("compact", True, True, Outcome.OK),
        ("compact,delete", True, False, Outcome.OK),
        ("compact", False, True, Outcome.WARNING),
    ],
)
def test_tombstones_belong_to_compacted_topics(
    policy: str, tombstones: bool, states: bool, expected: Outcome
) -> None:
    needs = replace(WRITER, tombstones=tombstones, states=states)
    assert outcome(topic(cleanup_policy=policy), needs) is expected


def test_a_missing_topic_that_the_client_asks_for_is_a_warning() -> None:
    missing = Topic(name="orders", trouble=Trouble.MISSING)
    assert outcome(missing, replace(WRITER, creates=True)) is Outcome.WARNING


@pytest.mark.parametrize(
    ("retention", "policy", "expected"),
    [
        (str(60 * DAY_MS), "delete", Outcome.WARNING),
        ("-1", "delete", Outcome.WARNING),
        (str(DAY_MS), "compact", Outcome.WARNING),
        (str(DAY_MS), "compact,delete", Outcome.OK),
    ],
)
def test_a_reader_must_remember_for_longer_than_the_topic(
    retention: str, policy: str, expected: Outcome
) -> None:
    assert outcome(topic(retention_ms=retention, cleanup_policy=policy), READER) is expected


def test_a_forbidden_topic_is_a_failure_of_the_acls_and_not_tried_itself() -> None:
    forbidden = Topic(name="orders", trouble=Trouble.FORBIDDEN)
    [problem] = acl(forbidden, WRITER, "User:relay")
    assert isinstance(problem, Finding)
    assert (
        "--allow-principal User:relay --operation Write --operation Describe --topic orders" in problem.remedy
    )
    assert [type(each) for each in judge(forbidden, WRITER, THREE)] == [NotTried]


def test_only_the_operation_that_lacks_is_named() -> None:
    [problem] = acl(replace(topic(), operations=frozenset({"DESCRIBE"})), WRITER, "User:relay")
    assert isinstance(problem, Finding)
    assert "--operation Write" in problem.remedy
    assert "--operation Describe" not in problem.remedy


@pytest.mark.parametrize("operations", [None, frozenset(), frozenset({"WRITE", "DESCRIBE"})])
def test_what_the_broker_does_not_say_is_no_failure(operations: frozenset[str] | None) -> None:
    assert not list(acl(replace(topic(), operations=operations), WRITER, "User:relay"))
