"""Topics that are missing, deleted, forbidden or too small for a while: what waits is held in order."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from tests.torture.faults.fault import Fault
from tests.torture.faults.relays import at_point
from tests.torture.faults.scene import (
    ask,
    await_hold,
    await_published,
    create,
    emit,
    emit_until_released,
    published,
    set_scene,
)
from tests.torture.trial import Trial

LIMIT = "max.message.bytes"
SMALL = 2_000


def missing(trial: Trial, chance: random.Random) -> None:
    """A topic is created only when its events have been held; more come while it is released."""
    topic = set_scene(trial, chance)
    emit(trial, topic, [b"before"] * 5)
    await_hold(trial, topic, held=True)
    emit(trial, topic, [b"behind"] * 5)
    create(trial, topic)
    emit_until_released(trial, topic)


def too_small(trial: Trial, chance: random.Random) -> None:
    """A message that the topic cannot take holds its key; then the topic is made to take it, and somebody
    releases the hold.
    """
    topic = set_scene(trial, chance)
    create(trial, topic, **{LIMIT: str(SMALL)})
    emit(trial, topic, [b"before", b"x" * 2 * SMALL, b"behind"])
    await_hold(trial, topic, held=True)
    larger = ConfigResource(ConfigResourceType.TOPIC, topic, {LIMIT: str(100 * SMALL)})
    ask(trial, lambda client: client.alter_configs([larger]))
    for member in trial.fleet.members():  # what they know of a topic, they know for a minute
        member.end(signal.SIGTERM)
    emit_until_released(trial, topic)


def at_release(point: str, deed: str, scene: Callable[[Trial, random.Random], None]) -> Callable[..., None]:
    """A relay dies or freezes at a point of making or releasing a hold."""

    def cause(trial: Trial, chance: random.Random) -> None:
        stage = threading.Thread(target=scene, args=(trial, chance))
        stage.start()
        at_point(point, deed, trial, chance)
        stage.join()

    return cause


def forbidden(trial: Trial, chance: random.Random) -> None:
    """The broker's own ACLs forbid to write to a topic that worked; later they do not any more."""
    topic = set_scene(trial, chance)
    create(trial, topic)
    emit(trial, topic, [b"allowed"] * 3)
    await_published(trial, topic)
    ask(trial, lambda client: client.create_acls(may_not_be_written(topic)))
    emit(trial, topic, [b"before"] * 5)
    await_hold(trial, topic, held=True)
    emit(trial, topic, [b"behind"] * 5)
    ask(trial, lambda client: client.delete_acls(may_not_be_written(topic)))
    emit_until_released(trial, topic)


def deleted(trial: Trial, chance: random.Random) -> None:
    """A topic is deleted with all that is in it, and made again when new events have been held."""
    topic = set_scene(trial, chance)
    create(trial, topic)
    emit(trial, topic, [b"first life"] * 5)
    await_published(trial, topic)
    trial.witnessed += published(trial, topic)
    ask(trial, partial(delete, topic))
    emit(trial, topic, [b"between"] * 5)
    await_hold(trial, topic, held=True)
    create(trial, topic)
    emit_until_released(trial, topic)


def delete(topic: str, client: KafkaAdminClient) -> None:
    """Brokers hear of it a little later, and take records until then."""
    if topic in client.list_topics():
        client.delete_topics([topic])
    while topic in client.list_topics():
        time.sleep(0.1)


def may_not_be_written(topic: str) -> list[ACL]:
    """Everybody may do everything with a topic but write to it."""
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    return [
        ACL("User:*", "*", ACLOperation.ALL, ACLPermissionType.ALLOW, pattern),
        ACL("User:*", "*", ACLOperation.WRITE, ACLPermissionType.DENY, pattern),
    ]


FAULTS = [
    Fault("topic-missing", missing),
    Fault("topic-too-small", too_small),
    Fault("topic-forbidden", forbidden, needs="acls"),
    Fault("topic-deleted", deleted),
    *(
        Fault(f"{deed}-{point}", partial(at_release(point, deed, scene)), concurrent=False)
        for point, scene in (
            ("hold-made", too_small),
            ("released-not-deleted", missing),
            ("before-delete-hold", missing),
        )
        for deed in ("kill", "stop")
    ),
]
