"""Topics that are missing for a while, or too small for a message: what waits is set aside in order."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import psycopg
from kafka.admin import ConfigResource, ConfigResourceType

from devstack.kafka import create_topics
from devstack.kafka.metadata import admin
from tests.torture import ledger
from tests.torture.faults.fault import Fault
from tests.torture.faults.relays import at_point
from tests.torture.trial import Trial

HOLD_SECONDS = 60.0
SMALL = 2_000
KEYS = ("left", "right")


def missing(trial: Trial, chance: random.Random) -> None:
    """A topic is created only when its events have been set aside; more come while it is released."""
    topic = _scene(trial, chance)
    _emit(trial, topic, [b"before"] * 5)
    _await(trial, topic, held=True)
    _emit(trial, topic, [b"behind"] * 5)
    create_topics(trial.ground.bootstrap_servers, {topic: 2})
    _emit_until_lifted(trial, topic)


def too_small(trial: Trial, chance: random.Random) -> None:
    """A message that the topic cannot take holds its key; then the topic is made to take it, and somebody
    releases the hold.
    """
    topic = _scene(trial, chance)
    create_topics(trial.ground.bootstrap_servers, {topic: 2}, configs={"max.message.bytes": str(SMALL)})
    _emit(trial, topic, [b"before", b"x" * 2 * SMALL, b"behind"])
    _await(trial, topic, held=True)
    with admin(trial.ground.bootstrap_servers) as client:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(100 * SMALL)})
        client.alter_configs([resource])
    for member in trial.fleet.members():  # what they know of a topic, they know for a minute
        member.end(signal.SIGTERM)
    _emit_until_lifted(trial, topic)


def at_release(point: str, deed: str, scene: Callable[[Trial, random.Random], None]) -> Callable[..., None]:
    """A relay dies or freezes at a point of making or releasing a hold."""

    def cause(trial: Trial, chance: random.Random) -> None:
        stage = threading.Thread(target=scene, args=(trial, chance))
        stage.start()
        at_point(point, deed, trial, chance)
        stage.join()

    return cause


def _scene(trial: Trial, chance: random.Random) -> str:
    topic = f"{trial.name}.scene-{chance.randrange(10**9)}"
    trial.scenes.add(topic)
    return topic


def _emit(trial: Trial, topic: str, payloads: list[bytes]) -> None:
    def write() -> None:
        with psycopg.connect(trial.url, connect_timeout=5) as connection:
            for key in KEYS:
                ledger.emit(connection, topic, key, payloads)

    _insist(write)


def _await(trial: Trial, topic: str, *, held: bool) -> None:
    deadline = time.monotonic() + HOLD_SECONDS
    while _waiting(trial, topic) != held:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic}: held is still not {held} after {HOLD_SECONDS:.0f} s")
        time.sleep(0.1)


def _emit_until_lifted(trial: Trial, topic: str) -> None:
    """New events go on joining those behind the hold while it is being released."""
    deadline = time.monotonic() + HOLD_SECONDS
    while _waiting(trial, topic):
        _insist(
            lambda: trial.execute(
                "UPDATE outbox_hold SET release_at = clock_timestamp()"
                " WHERE topic = %s AND release_at IS NULL",
                (topic,),
            )
        )
        _emit(trial, topic, [b"late"])
        if time.monotonic() > deadline:
            trial.complaints.append(f"{topic}: its hold was not lifted within {HOLD_SECONDS:.0f} s")
            return
        time.sleep(0.3)


def _waiting(trial: Trial, topic: str) -> bool:
    return bool(_insist(lambda: trial.execute("SELECT id FROM outbox_hold WHERE topic = %s", (topic,))))


def _insist(deed: Callable[[], object]) -> object:
    """Do it, also while another fault keeps the database away."""
    deadline = time.monotonic() + HOLD_SECONDS
    while True:
        try:
            return deed()
        except psycopg.Error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


FAULTS = [
    Fault("topic-missing", missing),
    Fault("topic-too-small", too_small),
    *(
        Fault(f"{deed}-{point}", partial(at_release(point, deed, scene)), concurrent=False)
        for point, scene in (
            ("hold-made", too_small),
            ("released-not-struck", missing),
            ("before-lift", missing),
        )
        for deed in ("kill", "stop")
    ),
]
