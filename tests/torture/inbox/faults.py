"""What can go wrong for consumers, by name; servers and networks go wrong as they do for relays."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from devstack.kafka import create_topics
from devstack.kafka.metadata import admin
from tests.torture.faults import FAULTS as ALL
from tests.torture.faults import Fault
from tests.torture.faults.relays import armed, kill, passed, resize, terminate, victim
from tests.torture.faults.scene import ask, published
from tests.torture.faults.topics import delete
from tests.torture.inbox import holding, rewinding, seeking
from tests.torture.inbox.deaths import Hit
from tests.torture.inbox.trial import GROUP, ConsumerTrial
from tests.torture.insist import insist
from tests.torture.points import SIGNALS
from tests.torture.trial import Trial
from tests.waiting import wait_until

LONGER_THAN_THE_SESSION = (7.0, 10.0)
EMPTY_SECONDS = 60.0
PATIENCE_SECONDS = 120.0
SUSPECTED_SECONDS = 3.0
"""In which an instance has taken the place of one that died, and handles its first batch."""
LONG = 150
"""Records of a partition, so many that a new topic has fewer when its readers know that it is another one."""
COMMON = (
    "crash", "postgres-stop-fast", "postgres-stop-immediate", "postgres-kill", "read-only",
    "brokers-kill", "brokers-stop",
    *(f"{service}-{how}" for service in ("postgres", "kafka")
      for how in ("cut", "refuse", "silence", "delay", "throttle")),
)  # fmt: skip


def freeze(trial: Trial, chance: random.Random) -> None:
    """Until it has been thrown out of the group; then it goes on with what it had in hand."""
    if pid := victim(trial, chance):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        _thaw_later(pid, trial, chance)


def _thaw_later(pid: int, trial: Trial, chance: random.Random) -> None:
    cast(ConsumerTrial, trial).freezes.append(Hit(pid, datetime.now(UTC)))
    time.sleep(chance.uniform(*LONGER_THAN_THE_SESSION))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def to_a_worker(deed: str, trial: Trial, chance: random.Random) -> None:
    """One of the workers of an instance dies or freezes."""
    pid = victim(trial, chance)
    workers = _children(pid) if pid else []
    if workers:
        worker = chance.choice(workers)
        with suppress(ProcessLookupError):
            os.kill(worker, SIGNALS[deed])
        _afterwards(deed, worker, trial, chance)


def _afterwards(deed: str, pid: int, trial: Trial, chance: random.Random) -> None:
    """A process, perhaps a worker, which is no member of the fleet, was killed or frozen."""
    if deed == "stop":
        _thaw_later(pid, trial, chance)
    else:
        trial.fleet.killed.add(pid)


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return []


def at_point(point: str, deed: str, trial: Trial, chance: random.Random) -> None:
    """An instance dies or freezes itself at a point of its loop."""
    with armed(point, deed, trial):
        pid = passed(point, trial)
    if pid:
        _afterwards(deed, pid, trial, chance)


def terminate_backends(trial: Trial, chance: random.Random) -> None:
    """As an administrator does, to most connections of the consumers."""
    insist(
        lambda: trial.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND random() < 0.8"
        )
    )


def release(trial: Trial, chance: random.Random) -> None:
    """Poison becomes digestible, and what is held is released while more arrives."""
    mine = cast(ConsumerTrial, trial)
    cured = holding.give_antidotes(mine)
    holding.release(mine)
    if not holding.await_effects(mine, cured):
        trial.complaints.append(f"released, and took no effect: {cured[:3]}")


def release_in_vain(trial: Trial, chance: random.Random) -> None:
    """Somebody releases what is still poison."""
    holding.release(cast(ConsumerTrial, trial))


def discard(trial: Trial, chance: random.Random) -> None:
    holding.discard(cast(ConsumerTrial, trial))


def meanwhile(
    scene: Callable[[Trial, random.Random], None],
    point: str,
    deed: str,
    trial: Trial,
    chance: random.Random,
) -> None:
    """An instance dies or freezes at a point to which the scene leads it."""
    stage = threading.Thread(target=scene, args=(trial, chance))
    stage.start()
    at_point(point, deed, trial, chance)
    stage.join()


def tried_alone(deed: str, trial: Trial, chance: random.Random) -> None:
    """Instances die with a batch in hand, until another one tries the events of such a batch one by one: it
    dies or freezes with one of them.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with armed("begun", deed, trial):
        while (pid := trial.fleet.points.victim("begun")) is None:
            if time.monotonic() > deadline:
                trial.complaints.append("nobody has tried an event alone")
                break
            at_point("mid-batch", "kill", trial, chance)
            time.sleep(SUSPECTED_SECONDS)
    if pid:
        _afterwards(deed, pid, trial, chance)


def while_stopped(deed: Callable[[ConsumerTrial], bool], trial: Trial, chance: random.Random) -> None:
    """All stop, something is done to the group until it is done, and all start again."""
    size = trial.fleet.size
    trial.fleet.resize(0)
    deadline = time.monotonic() + EMPTY_SECONDS
    try:
        while trial.fleet.members() or not deed(cast(ConsumerTrial, trial)):
            if time.monotonic() > deadline:
                trial.complaints.append(f"the group was not empty after {EMPTY_SECONDS:.0f} s")
                return
            time.sleep(0.1)
    finally:
        trial.fleet.resize(size)


def recreate(trial: Trial, chance: random.Random) -> None:
    """A topic of which everything is handled is deleted and created again: its offsets begin at 0 again."""
    mine = cast(ConsumerTrial, trial)
    topic = chance.choice(sorted(mine.topics))
    wait_until(lambda: mine.shortest(topic) >= LONG, PATIENCE_SECONDS, f"{topic} is long")
    with mine.producer.pause():
        wait_until(lambda: not mine.lag(), PATIENCE_SECONDS, "everything is handled")
        trial.witnessed += published(trial, topic)
        ask(trial, partial(delete, topic))
        seeking.forget(mine, topic)
        mine.recreated.add(topic)
        insist(lambda: create_topics(trial.ground.bootstrap_servers, {topic: mine.topics[topic]}))
    if chance.random() < 0.5:
        kill(trial, chance)


def _reset(to: OffsetSpec, trial: ConsumerTrial) -> bool:
    """Whether Kafka has moved the group; it refuses while the group has members, if only killed ones."""
    wanted = dict.fromkeys(trial.partitions(), to)
    try:
        with admin(trial.ground.bootstrap_servers) as client:
            client.reset_group_offsets(GROUP, wanted)
            committed = client.list_group_offsets({GROUP: list(wanted)})[GROUP]
    except (KafkaError, OSError):
        return False
    return all((committed[part].offset == 0) == (to == OffsetSpec.EARLIEST) for part in wanted)


def _forget(trial: ConsumerTrial) -> bool:
    """Whether Kafka has forgotten the group, as it does when nobody was there for long enough."""
    try:
        with admin(trial.ground.bootstrap_servers) as client:
            client.delete_groups([GROUP])
            return GROUP not in {group["group_id"] for group in client.list_groups()}
    except (KafkaError, OSError):
        return False


def _at_points() -> list[Fault]:
    points = ("mid-batch", "before-commit", "before-offsets", "after-offsets", "held")
    causes: dict[str, Callable[[Trial, random.Random], None]] = {
        f"{deed}-{point}": partial(at_point, point, deed) for point in points for deed in ("kill", "stop")
    }
    return [Fault(name, cause) for name, cause in causes.items()]


def _meanwhile(point: str, scene: Callable[[Trial, random.Random], None]) -> list[Fault]:
    return [
        Fault(f"{deed}-{point}", partial(meanwhile, scene, point, deed), concurrent=False)
        for deed in ("kill", "stop")
    ]


OF_WORKERS = (
    Fault("kill-worker", partial(to_a_worker, "kill")),
    Fault("stop-worker", partial(to_a_worker, "stop")),
)
FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("kill", kill),
        Fault("terminate", terminate),
        Fault("freeze", freeze),
        Fault("resize", resize, concurrent=False),
        *OF_WORKERS,
        *_at_points(),
        Fault("terminate-backends", terminate_backends),
        *(ALL[name] for name in COMMON),
        Fault("release", release),
        Fault("release-in-vain", release_in_vain),
        Fault("discard", discard),
        *_meanwhile("retried", release),
        Fault("kill-begun", partial(tried_alone, "kill"), concurrent=False),
        Fault("stop-begun", partial(tried_alone, "stop"), concurrent=False),
        *(
            Fault(f"seek-{name}", partial(seeking.seek, where), concurrent=False)
            for name, where in seeking.PLACES.items()
        ),
        *_meanwhile("sought", partial(seeking.seek, seeking.at_beginning)),
        Fault("redeliver", partial(while_stopped, partial(_reset, OffsetSpec.EARLIEST))),
        Fault("group-forward", partial(while_stopped, partial(_reset, OffsetSpec.LATEST))),
        Fault("group-deleted", partial(while_stopped, _forget)),
        Fault("database-restored", rewinding.restore, concurrent=False),
        Fault("database-restored-stopped", rewinding.restore_while_stopped, concurrent=False),
        Fault("standby-promoted", rewinding.promote, concurrent=False),
        Fault("rebalance-storm", rewinding.storm, concurrent=False),
        Fault("topic-recreated", recreate, concurrent=False),
    )
}
