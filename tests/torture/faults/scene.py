"""A topic of a fault's own, events for it, and waiting for what becomes of them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import psycopg
from kafka.admin import KafkaAdminClient

from devstack.kafka import create_topics
from devstack.kafka.metadata import admin
from tests.torture import kafka_log, ledger
from tests.torture.insist import insist
from tests.torture.trial import Trial

HOLD_SECONDS = 60.0
KEYS = ("left", "right")
T = TypeVar("T")


def set_scene(trial: Trial, chance: random.Random) -> str:
    topic = f"{trial.name}.scene-{chance.randrange(10**9)}"
    trial.scenes.add(topic)
    return topic


def emit(trial: Trial, topic: str, payloads: list[bytes]) -> None:
    def write() -> None:
        with psycopg.connect(trial.url, connect_timeout=5) as connection:
            for key in KEYS:
                ledger.emit(connection, topic, key, payloads)

    insist(write)


def await_hold(trial: Trial, topic: str, *, held: bool) -> None:
    deadline = time.monotonic() + HOLD_SECONDS
    while _waiting(trial, topic) != held:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic}: held is still not {held} after {HOLD_SECONDS:.0f} s")
        time.sleep(0.1)


def await_published(trial: Trial, topic: str) -> None:
    """Until Kafka holds all events of a topic that nothing else emits to."""
    deadline = time.monotonic() + HOLD_SECONDS
    while len(_arrived(trial, topic)) < _written(trial, topic):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic}: not everything has arrived after {HOLD_SECONDS:.0f} s")
        time.sleep(0.2)


def published(trial: Trial, topic: str) -> list[kafka_log.Record]:
    """What Kafka holds of a topic."""
    return insist(lambda: kafka_log.read(trial.ground.bootstrap_servers, [topic]))


def create(trial: Trial, topic: str, **configs: str) -> None:
    insist(lambda: create_topics(trial.ground.bootstrap_servers, {topic: 2}, configs=configs))


def ask(trial: Trial, deed: Callable[[KafkaAdminClient], object]) -> None:
    """Have an administrator do it, as often as it takes."""

    def connected() -> None:
        with admin(trial.ground.bootstrap_servers) as client:
            deed(client)

    insist(connected)


def _arrived(trial: Trial, topic: str) -> set[UUID]:
    return {record.event_id for record in published(trial, topic)}


def _written(trial: Trial, topic: str) -> int:
    query = "SELECT count(*) FROM outbox_event WHERE topic = %s"
    return int(insist(lambda: trial.execute(query, (topic,))[0]))


def emit_until_released(trial: Trial, topic: str) -> None:
    """New events go on joining those behind the hold while it is being released."""
    deadline = time.monotonic() + HOLD_SECONDS
    while _waiting(trial, topic):
        insist(
            lambda: trial.execute(
                "UPDATE outbox_hold SET release_at = clock_timestamp()"
                " WHERE topic = %s AND release_at IS NULL",
                (topic,),
            )
        )
        emit(trial, topic, [b"late"])
        if time.monotonic() > deadline:
            trial.complaints.append(f"{topic}: its hold was not lifted within {HOLD_SECONDS:.0f} s")
            return
        time.sleep(0.3)


def _waiting(trial: Trial, topic: str) -> bool:
    return bool(insist(lambda: trial.execute("SELECT id FROM outbox_hold WHERE topic = %s", (topic,))))
