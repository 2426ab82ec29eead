"""The incidents: how each is made and ended, and what must be seen of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

import devstack.kafka
from outbox.models import OutboxEvent
from outbox_core.operations.runbook import Runbook
from tests.game_day.stage import SECONDS, Stage
from tests.inbox.operators import run
from tests.waiting import wait_until

OLD = 10 * 86_400.0
"""Older than the retention and two days."""
LARGE = b'"' + b"x" * 3_000 + b'"'
Cause = Callable[[Stage], AbstractContextManager[object]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Incident:
    """``cause`` lasts as long as its block; then all must be well by itself. ``says`` and ``remedy`` are
    words of the status. ``slow``: not in each run of the tests.
    """

    name: str
    cause: Cause
    side: str = "outbox"
    state: str
    says: str
    remedy: str
    runbook: Runbook
    alert: str
    action: str = ""
    on_page: bool = True
    slow: bool = False


@contextmanager
def relay_frozen(stage: Stage) -> Iterator[None]:
    stage.freeze()
    stage.emit()
    try:
        yield
    finally:
        stage.thaw()


@contextmanager
def relay_killed(stage: Stage) -> Iterator[None]:
    stage.relay.process.kill()
    stage.relay.process.wait()
    yield
    stage.start_relay()


@contextmanager
def backlog(stage: Stage) -> Iterator[None]:
    """Old events, and a relay that cannot publish them yet."""
    stage.freeze()
    for number in range(20):
        stage.emit(key=str(number), age=900)
    try:
        yield
    finally:
        stage.thaw()


@contextmanager
def topic_missing(stage: Stage) -> Iterator[None]:
    topic = f"{stage.topic}-new"
    stage.emit(topic=topic)
    yield
    devstack.kafka.create_topics(stage.kafka, {topic: 1})


@contextmanager
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


@contextmanager
def nobody_prunes(stage: Stage) -> Iterator[None]:
    OutboxEvent.objects.all().delete()  # the old one is the first of the log
    stage.emit(age=OLD)
    yield
    wait_until(lambda: stage.report("outbox")["pending"] == 0, SECONDS, "it is published")
    assert run("outbox_prune")[0] == 0


@contextmanager
def handler_fails(stage: Stage) -> Iterator[None]:
    """Later the handler is mended, and a person releases the events as the remedy says."""
    (stage.orders / "fail").touch()
    stage.emit(key="failing")
    yield
    (stage.orders / "fail").unlink()
    assert run("inbox_release", "--cause", "ValueError", "--yes")[0] == 0


@contextmanager
def consumer_slow(stage: Stage) -> Iterator[None]:
    (stage.orders / "slow").touch()
    stage.send_old(40, age=900)
    yield
    (stage.orders / "slow").unlink()


@contextmanager
def kafka_frozen(stage: Stage) -> Iterator[None]:
    assert stage.broker is not None
    os.kill(stage.broker, signal.SIGSTOP)
    stage.emit(key="frozen")
    try:
        yield
    finally:
        os.kill(stage.broker, signal.SIGCONT)


@contextmanager
def consumers_database_away(stage: Stage) -> Iterator[None]:
    stage.gate.refuse()
    try:
        yield
    finally:
        stage.gate.heal()


INCIDENTS: Sequence[Incident] = (
    Incident(
        name="relay frozen",
        cause=relay_frozen,
        state="no relay",
        says="No relay is alive: nothing is published. Last heartbeat",
        remedy="Start a relay",
        runbook=Runbook.NO_RELAY,
        alert="OutboxNoRelay",
    ),
    Incident(
        name="relay killed",
        cause=relay_killed,
        state="no relay",
        says="No relay is alive: nothing is published. Last heartbeat",
        remedy="Start a relay",
        runbook=Runbook.NO_RELAY,
        alert="OutboxNoRelay",
        slow=True,
    ),
    Incident(
        name="backlog",
        cause=backlog,
        state="behind",
        says="to be published, the oldest for 15 min",
        remedy="relay",
        runbook=Runbook.OUTBOX_BEHIND,
        alert="OutboxFarBehind",
    ),
    Incident(
        name="Kafka frozen",
        cause=kafka_frozen,
        state="degraded",
        says="has been degraded for",
        remedy="Check that the named service answers",
        runbook=Runbook.RELAY_DEGRADED,
        alert="OutboxRelayDegraded",
        action="relay.degraded",
        slow=True,
    ),
    Incident(
        name="missing topic",
        cause=topic_missing,
        state="held",
        says="topic-missing",
        remedy="outbox_release",
        runbook=Runbook.OUTBOX_HELD,
        alert="OutboxHeld",
        action="relay.hold_made",
    ),
    Incident(
        name="poison",
        cause=poison,
        state="held",
        says="poison",
        remedy="outbox_discard",
        runbook=Runbook.OUTBOX_HELD,
        alert="OutboxHeld",
        action="relay.hold_made",
    ),
    Incident(
        name="nobody prunes",
        cause=nobody_prunes,
        state="degraded",
        says="RETENTION_DAYS",
        remedy="outbox_prune",
        runbook=Runbook.NOT_PRUNED,
        alert="OutboxNotPruned",
    ),
    Incident(
        name="handler fails",
        cause=handler_fails,
        side="inbox",
        state="held",
        says="is held, for 1 cause",
        remedy="inbox_release",
        runbook=Runbook.INBOX_HELD,
        alert="InboxHeld",
        action="inbox.hold_made",
    ),
    Incident(
        name="consumer slow",
        cause=consumer_slow,
        side="inbox",
        state="behind",
        says="records behind, the oldest 15 min",
        remedy="start more processes",
        runbook=Runbook.CONSUMER_BEHIND,
        alert="InboxBehind",
    ),
    Incident(
        name="consumer's database away",
        cause=consumers_database_away,
        side="inbox",
        state="unreadable",
        says="does not answer",
        remedy="Check that PostgreSQL runs",
        runbook=Runbook.UNREADABLE,
        alert="InboxWaits",
        action="inbox.degraded",
        on_page=False,
    ),
)
