"""The incidents: how each is made and ended, and what must be seen of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

import devstack.kafka
from outbox.models import ContinuousAudit, OutboxEvent
from outbox_core.operations.runbook import Runbook
from tests.game_day.stage import SECONDS, Stage
from tests.inbox.operators import run
from tests.torture.faults.topics import may_not_be_written
from tests.waiting import wait_until

OLD = 10 * 86_400.0
"""Older than the retention and two days."""
LARGE = b'"' + b"x" * 3_000 + b'"'
HUGE = b'"' + b"x" * 500_000 + b'"'


class Sign(NamedTuple):
    """What shows incidents of one kind: the state and words of the remedy of ``outbox_status`` or
    ``inbox_status``, the runbook, an alert, and a log action if there is one. ``on_page``: the admin shows
    it, too, although it is on another host.
    """

    state: str
    remedy: str
    runbook: Runbook
    alert: str
    action: str = ""
    side: str = "outbox"
    on_page: bool = True


class Incident(NamedTuple):
    """``cause`` lasts as long as its block; then all must be well by itself. ``says`` are words of the
    status. ``slow``: not in each run of the tests.
    """

    name: str
    cause: Callable[[Stage], AbstractContextManager[None]]
    sign: Sign
    says: str
    slow: bool


INCIDENTS: list[Incident] = []
Cause = Callable[[Stage], Iterator[None]]


def incident(name: str, sign: Sign, says: str, *, slow: bool = False) -> Callable[[Cause], Cause]:
    """The function causes an incident, and ends it behind its ``yield``."""

    def register(cause: Cause) -> Cause:
        INCIDENTS.append(Incident(name, contextmanager(cause), sign, says, slow))
        return cause

    return register


NO_RELAY = Sign("no relay", "Start a relay", Runbook.NO_RELAY, "OutboxNoRelay")
BEHIND = Sign("behind", "relay", Runbook.OUTBOX_BEHIND, "OutboxFarBehind")
DEGRADED = Sign(
    "degraded",
    "Check that the named service answers",
    Runbook.RELAY_DEGRADED,
    "OutboxRelayDegraded",
    "relay.degraded",
)
HELD = Sign("held", "outbox_release", Runbook.OUTBOX_HELD, "OutboxHeld", "relay.hold_made")
TOPIC_HELD = HELD._replace(remedy="Make each topic writable again")
NOT_PRUNED = Sign("degraded", "outbox_prune", Runbook.NOT_PRUNED, "OutboxNotPruned")
DIFFERENT = Sign(
    "different", "See who deleted them", Runbook.DIFFERENT, "OutboxDifferent", "relay.difference_found"
)
HANDLER_FAILS = Sign("held", "inbox_release", Runbook.INBOX_HELD, "InboxHeld", "inbox.hold_made", "inbox")
CONSUMER_BEHIND = Sign("behind", "start more processes", Runbook.CONSUMER_BEHIND, "InboxBehind", "", "inbox")
GROUP_SHARED = Sign("degraded", "`GROUP`", Runbook.GROUP_SHARED, "InboxGroupShared", "", "inbox")
CONSUMER_WAITS = Sign(
    "unreadable",
    "Check that PostgreSQL runs",
    Runbook.UNREADABLE,
    "InboxWaits",
    "inbox.degraded",
    "inbox",
    on_page=False,
)


@incident("relay frozen", NO_RELAY, "No relay is alive: nothing is published. Last heartbeat")
def relay_frozen(stage: Stage) -> Iterator[None]:
    with stage.frozen_relay():
        stage.emit()
        yield


@incident("relay killed", NO_RELAY, "No relay is alive: nothing is published. Last heartbeat", slow=True)
def relay_killed(stage: Stage) -> Iterator[None]:
    stage.relay.process.kill()
    stage.relay.process.wait()
    yield
    stage.start_relay()


@incident("backlog", BEHIND, "to be published, the oldest for 15 min")
def backlog(stage: Stage) -> Iterator[None]:
    """Old events, and a relay that cannot publish them yet."""
    with stage.frozen_relay():
        for number in range(20):
            stage.emit(key=str(number), age=900)
        yield


@incident("Kafka frozen", DEGRADED, "has been degraded for", slow=True)
def kafka_frozen(stage: Stage) -> Iterator[None]:
    broker = stage.own_broker
    os.kill(broker.pid, signal.SIGSTOP)
    stage.emit(key="frozen")
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


@incident("disk of Kafka full", DEGRADED, "has been degraded for", slow=True)
def kafka_disk_full(stage: Stage) -> Iterator[None]:
    """The broker ends, as it has one disk only. Later there is room again, and somebody starts it."""
    broker = stage.own_broker
    stage.disk.fill()
    stage.emit(key="full", payload=HUGE)
    wait_until(lambda: not broker.is_running, SECONDS, "the broker ends")
    try:
        yield
    finally:
        stage.disk.free()
        broker.start()


@incident("missing topic", TOPIC_HELD, "topic-missing")
def topic_missing(stage: Stage) -> Iterator[None]:
    topic = f"{stage.topic}-new"
    stage.emit(topic=topic)
    yield
    devstack.kafka.create_topics(stage.kafka, {topic: 1})


@incident("forbidden topic", TOPIC_HELD, "topic-forbidden", slow=True)
def topic_forbidden(stage: Stage) -> Iterator[None]:
    topic = f"{stage.topic}-secret"
    devstack.kafka.create_topics(stage.kafka, {topic: 1})
    rules = may_not_be_written(topic)
    with stage.own_broker_admin() as admin:
        admin.create_acls(rules)
    stage.emit(topic=topic)
    yield
    with stage.own_broker_admin() as admin:
        admin.delete_acls(rules)


@incident("poison", HELD, "poison")
def poison(stage: Stage) -> Iterator[None]:
    """Later the topic takes larger records, and a person releases the hold as the remedy says."""
    topic = f"{stage.topic}-small"
    devstack.kafka.create_topics(stage.kafka, {topic: 1}, configs={"max.message.bytes": "1000"})
    stage.emit(topic=topic, payload=LARGE)
    yield
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": "100000"})
    admin = KafkaAdminClient(bootstrap_servers=stage.kafka)
    admin.alter_configs([resource])
    admin.close()
    assert run("outbox_release", "--topic", topic, "--yes")[0] == 0


@incident("nobody prunes", NOT_PRUNED, "RETENTION_DAYS")
def nobody_prunes(stage: Stage) -> Iterator[None]:
    OutboxEvent.objects.all().delete()  # the old one is the first of the log
    stage.emit(age=OLD)
    yield
    wait_until(lambda: stage.report("outbox")["pending"] == 0, SECONDS, "it is published")
    assert run("outbox_prune")[0] == 0


@incident("event deleted", DIFFERENT, "not in the outbox")
def event_deleted(stage: Stage) -> Iterator[None]:
    """Nobody can bring it back: a person takes note of it, as the runbook says."""
    assert run("outbox_audit", "--reset")[0] == 0
    events = [stage.emit(key="audited") for _ in range(3)]
    with stage.audit():
        proved = ContinuousAudit.objects.filter(until__isnull=False)
        wait_until(proved.exists, SECONDS, "they are proved")
        OutboxEvent.objects.filter(pk=events[1].pk).delete()
        yield
    assert run("outbox_audit", "--reset")[0] == 0


@incident("handler fails", HANDLER_FAILS, "is held, for 1 cause")
def handler_fails(stage: Stage) -> Iterator[None]:
    """Later the handler is mended, and a person releases the events as the remedy says."""
    (stage.orders / "fail").touch()
    stage.emit(key="failing")
    yield
    (stage.orders / "fail").unlink()
    assert run("inbox_release", "--cause", "ValueError", "--yes")[0] == 0


@incident("consumer slow", CONSUMER_BEHIND, "records behind, the oldest 15 min")
def consumer_slow(stage: Stage) -> Iterator[None]:
    (stage.orders / "slow").touch()
    stage.send_old(40, age=900)
    yield
    (stage.orders / "slow").unlink()


@incident("group shared", GROUP_SHARED, "has 1 member that writes no heartbeat into this database")
def group_shared(stage: Stage) -> Iterator[None]:
    """As a second deployment with a database of its own. Its events are read here when it is gone."""
    with stage.second_member():
        yield


@incident("consumer's database away", CONSUMER_WAITS, "does not answer")
def consumers_database_away(stage: Stage) -> Iterator[None]:
    stage.gate.refuse()
    try:
        yield
    finally:
        stage.gate.heal()
