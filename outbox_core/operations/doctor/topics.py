"""Judges what is known about a topic by what its writers or readers need. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outbox_core.operations.doctor.cluster import Cluster, Topic, Trouble
from outbox_core.operations.doctor.step import Note, NotTried, failed, warning
from outbox_core.people.humanize import duration, plural

DAY_MS = 86_400_000
CLOCK_MS = 60_000
"""A clock that is wrong by so much is not unusual. A broker must not refuse its records."""
REPLICAS_OF_A_CLUSTER = 3
CONFIGS = (
    "min.insync.replicas",
    "max.message.bytes",
    "cleanup.policy",
    "retention.ms",
    "message.timestamp.type",
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
    "retention.bytes",
)
"""The settings of a topic that are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a client needs from a topic.

    ``record_bytes`` is the largest record of its writers. ``tombstones`` and ``states``: whether it gets
    events with and without a payload. ``kept_ms`` is how long its reader knows what it has handled.
    """

    operations: tuple[str, ...]
    writes: bool
    creates: bool = False
    record_bytes: int | None = None
    tombstones: bool = False
    states: bool = True
    kept_ms: int | None = None


def acl(topic: Topic, needs: Needs, principal: str) -> Iterator[Note]:
    """Whether the client may do what it needs."""
    lacking = [operation for operation in needs.operations if not topic.may(operation)]
    if topic.trouble is Trouble.FORBIDDEN:
        lacking = list(needs.operations)
    if lacking:
        names = " ".join(f"--operation {_words(each)}" for each in lacking)
        yield failed(
            f"{principal} may not {' and '.join(map(_words, lacking))} topic {topic.name}.",
            allow(principal, f"{names} --topic {topic.name}"),
        )


def allow(principal: str, what: str) -> str:
    """The command that gives a right to this client."""
    return tool("acls", f"--add --allow-principal {principal} {what}")


def tool(name: str, arguments: str) -> str:
    """A command of Kafka's own tools. A cluster with a login needs --command-config, too."""
    return f"kafka-{name}.sh --bootstrap-server … {arguments}"


def judge(topic: Topic, needs: Needs, cluster: Cluster, principal: str = "User:NAME") -> Iterator[Note]:
    """Everything about a topic that its writers or readers depend on."""
    if topic.trouble is Trouble.FORBIDDEN:
        yield NotTried("needs acls")
    elif topic.trouble is Trouble.MISSING:
        yield _missing(topic, needs)
    else:
        yield f"{topic.name}: {_summary(topic, CONFIGS[:3] if needs.writes else CONFIGS[2:4])}"
        yield from _partitions(topic)
        if not topic.configs:
            yield warning(
                f"The settings of {topic.name} may not be read, so its limits are not checked.",
                allow(principal, f"--operation DescribeConfigs --topic {topic.name}"),
            )
        elif needs.writes:
            yield from _writing(topic, needs, cluster)
        else:
            yield from _reading(topic, needs)


def _words(operation: str) -> str:
    """``DESCRIBE_CONFIGS`` as kafka-acls.sh writes it."""
    return operation.title().replace("_", "")


def _missing(topic: Topic, needs: Needs) -> Note:
    create = tool("topics", f"--create --topic {topic.name} --partitions … --replication-factor …")
    if needs.creates:
        return warning(
            f"Topic {topic.name} does not exist. The client asks for it with the first event; a broker with "
            "auto.create.topics.enable then creates it with its defaults.",
            f"Better create it yourself: {create}",
        )
    return failed(f"Topic {topic.name} does not exist.", create)


def _summary(topic: Topic, configs: Sequence[str]) -> str:
    replicas = sorted({each.replicas for each in topic.partitions})
    known = [f"{name} {topic.configs[name]}" for name in configs if name in topic.configs]
    return ", ".join(
        [
            plural(len(topic.partitions), "partition"),
            f"{' to '.join(map(str, replicas[:1] + replicas[1:][-1:]))} replica"
            + ("" if replicas == [1] else "s"),
            *known,
        ]
    )


def _partitions(topic: Topic) -> Iterator[Note]:
    leaderless = [each.number for each in topic.partitions if not each.has_leader]
    behind = [each.number for each in topic.partitions if each.in_sync < each.replicas]
    if leaderless:
        yield failed(
            f"{topic.name} has no leader for {_numbers(leaderless)}.",
            "Start the brokers that hold their replicas: "
            + tool("topics", f"--describe --topic {topic.name} --unavailable-partitions"),
        )
    elif behind:
        yield warning(
            f"{topic.name}: replicas of {_numbers(behind)} are not in sync.",
            "See whether a broker is down, or too slow.",
        )


def _writing(topic: Topic, needs: Needs, cluster: Cluster) -> Iterator[Note]:
    yield from _in_sync(topic, cluster)
    yield from _size(topic, needs)
    yield from _cleanup(topic, needs)
    yield from _timestamps(topic)


def _in_sync(topic: Topic, cluster: Cluster) -> Iterator[Note]:
    least = topic.number("min.insync.replicas") or 1
    replicas = min((each.replicas for each in topic.partitions), default=0)
    short = [each.number for each in topic.partitions if each.in_sync < least]
    if least > replicas:
        yield failed(
            f"{topic.name} has min.insync.replicas {least}, and {plural(replicas, 'replica')}: it refuses "
            "every event.",
            f"{_alter(topic, f'min.insync.replicas={max(replicas - 1, 1)}')} or add replicas "
            "(kafka-reassign-partitions.sh).",
        )
    elif short:
        yield failed(
            f"{topic.name} needs {plural(least, 'replica')} in sync (min.insync.replicas). Events "
            f"for {_numbers(short)} are refused, because fewer are in sync.",
            "Start the brokers that hold the other replicas.",
        )
    elif len(cluster.brokers) >= REPLICAS_OF_A_CLUSTER and least == 1:
        first = "" if replicas > 1 else "Add replicas (kafka-reassign-partitions.sh), then: "
        yield warning(
            f"{topic.name} acknowledges an event when one broker has it: it is lost with that broker.",
            f"{first}{_alter(topic, 'min.insync.replicas=2')}",
        )


def _size(topic: Topic, needs: Needs) -> Iterator[Note]:
    most = topic.number("max.message.bytes")
    if most is not None and needs.record_bytes is not None and most < needs.record_bytes:
        yield warning(
            f"{topic.name} takes at most {most:,} bytes (max.message.bytes). The largest event that the "
            f"outbox accepts needs {needs.record_bytes:,}, and would be held.",
            f"{_alter(topic, f'max.message.bytes={needs.record_bytes}')} or lower OUTBOX['MAX_EVENT_BYTES'].",
        )


def _cleanup(topic: Topic, needs: Needs) -> Iterator[Note]:
    policy = topic.configs.get("cleanup.policy", "")
    if needs.tombstones and "compact" not in policy:
        yield warning(
            f"{topic.name} gets tombstones, which delete nothing there: cleanup.policy is {policy}.",
            _alter(topic, "cleanup.policy=compact"),
        )
    if "compact" in policy and needs.states and not needs.tombstones:
        yield warning(
            f"{topic.name} is compacted: Kafka keeps the last event of each key, and deletes earlier ones "
            "that a consumer may not have read.",
            f"Unless each event has the whole state of its key: {_alter(topic, 'cleanup.policy=delete')}",
        )


def _timestamps(topic: Topic) -> Iterator[Note]:
    if topic.configs.get("message.timestamp.type") == "LogAppendTime":
        return
    for name in ("message.timestamp.before.max.ms", "message.timestamp.after.max.ms"):
        most = topic.number(name)
        if most is not None and most < CLOCK_MS:
            yield warning(
                f"{topic.name} refuses records whose time differs by {duration(most / 1000)} from the "
                f"broker's ({name}): a relay whose clock is wrong can publish nothing.",
                _alter(topic, f"{name}={3_600_000}"),
            )


def _reading(topic: Topic, needs: Needs) -> Iterator[Note]:
    kept = topic.number("retention.ms")
    deletes = "delete" in topic.configs.get("cleanup.policy", "delete")
    if needs.kept_ms is None or kept is None or (deletes and 0 <= kept <= needs.kept_ms):
        return
    how_long = duration(kept / 1000) if deletes and kept >= 0 else "without limit"
    yield warning(
        f"{topic.name} keeps events {how_long}; the inbox knows for {duration(needs.kept_ms / 1000)} what it "
        "has handled. An older event that is delivered again takes effect twice.",
        "Set INBOX['RETENTION_DAYS'] to more than retention.ms of the topic.",
    )


def _alter(topic: Topic, config: str) -> str:
    return tool("configs", f"--alter --entity-type topics --entity-name {topic.name} --add-config {config}")


def _numbers(partitions: list[int]) -> str:
    shown = ", ".join(map(str, partitions[:5])) + (", …" if len(partitions) > 5 else "")
    return f"partition {shown}" if len(partitions) == 1 else f"partitions {shown}"
