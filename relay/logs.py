"""The relay's log: what its signals tell, in a sentence each, with a stable ``action`` for machines."""

from __future__ import annotations

import logging
from typing import Any

from outbox_core.people.logs import guard
from relay import signals
from relay.states import State

logger = logging.getLogger("relay")
ASIDE = {"topic": "all of its topic", "key": "later events of its key", "event": "nothing else"}


def listen() -> None:
    """Begin to log. Called once by the command.

    That a trouble is over is said at INFO, which must be heard where only the trouble would be, by default.
    """
    guard(logger)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    for name, tell in TOLD.items():
        getattr(signals, name).connect(tell, dispatch_uid="relay.logs")


def _state_changed(*, old: State, new: State, detail: str, seconds: float, **_: Any) -> None:
    if new is State.DEGRADED:
        _log(
            logging.WARNING,
            "degraded",
            "%s. Nothing is lost; trying again until it passes.",
            detail.rstrip("."),
        )
    elif old is State.DEGRADED and new is not State.STOPPING:
        _log(logging.INFO, "recovered", "Recovered after %.1f s: %s.", seconds, new.value)
    else:
        _log(logging.INFO, new.value, "State: %s.", new.value)


def _shard_acquired(*, lease: Any, **_: Any) -> None:
    _log(
        logging.INFO,
        "shard-acquired",
        "Owns shard %d (buckets %d-%d), epoch %d.",
        lease.shard,
        lease.first,
        lease.last,
        lease.epoch,
    )


def _shard_lost(*, lease: Any, why: str, **_: Any) -> None:
    _log(
        logging.INFO,
        "shard-lost",
        "Gives up shard %d, epoch %d: %s.",
        lease.shard,
        lease.epoch,
        why.rstrip("."),
    )


def _hold_made(*, row: Any, failure: Any, scope: str, **_: Any) -> None:
    _log(
        logging.ERROR,
        "hold-made",
        "Set aside event %s (%s, topic %s, key %s), and with it %s: %s. "
        "Nothing is lost, and all else goes on. See outbox_status.",
        row.event_id,
        row.type,
        row.topic,
        row.key,
        ASIDE[scope],
        failure.detail.rstrip("."),
    )


def _hold_lifted(*, release: Any, **_: Any) -> None:
    part = {"topic": "", "key": f"key {release.key} of ", "event": "one event of "}[release.scope]
    what = f"{part}topic {release.topic}"
    _log(logging.INFO, "hold-lifted", "Nothing waits any more for %s, after %.1f s.", what, release.seconds)


def _log(level: int, action: str, message: str, *arguments: object) -> None:
    logger.log(level, message, *arguments, extra={"action": action})


TOLD = {
    "state_changed": _state_changed,
    "shard_acquired": _shard_acquired,
    "shard_lost": _shard_lost,
    "hold_made": _hold_made,
    "hold_lifted": _hold_lifted,
}
