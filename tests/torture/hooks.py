"""Makes the relay of this process pass the named points, by wrapping methods of its classes."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from relay.cluster.lease import Lease
from relay.conf import settings
from relay.holds.table import Holds
from relay.log.checkpoint import Checkpoints
from relay.shard.owned import OwnedShard
from tests.torture.points import SIGNALS, Points

MID_WAVE_SECONDS = 0.02


class Hooks:
    """``install`` puts them in place, for the rest of the process's life."""

    def __init__(self, points: Points) -> None:
        self._points = points

    def install(self) -> None:
        """Have this process pass the points."""
        self._behind(OwnedShard, "_read", "after-poll", when=lambda work: bool(work.page.rows))
        self._behind(Lease, "acquire", "during-takeover", when=lambda lease: lease is not None)
        self._behind(Checkpoints, "move", "checkpointed")
        self._behind(Holds, "make", "hold-made")
        self._before(Holds, "delete", "before-delete-hold")
        self._before(Checkpoints, "roll_up", "tidying")
        self._around_waves()
        self._before_checkpoints()

    def _behind(
        self, owner: type, name: str, point: str, *, when: Callable[[Any], bool] = lambda _: True
    ) -> None:
        original = getattr(owner, name)

        @wraps(original)
        def wrapped(*arguments: Any, **options: Any) -> Any:
            result = original(*arguments, **options)
            if when(result):
                self._points.reached(point)
            return result

        setattr(owner, name, staticmethod(wrapped) if hasattr(original, "__self__") else wrapped)

    def _before(self, owner: type, name: str, point: str) -> None:
        original = getattr(owner, name)

        @wraps(original)
        def wrapped(*arguments: Any, **options: Any) -> Any:
            self._points.reached(point)
            return original(*arguments, **options)

        setattr(owner, name, wrapped)

    def _before_checkpoints(self) -> None:
        move = Checkpoints.move

        @wraps(move)
        def wrapped(checkpoints: Checkpoints, position: Any, tally: Any, **options: Any) -> None:
            if options.get("released"):
                self._points.reached("released-not-deleted")
            elif tally.events:
                self._points.reached("acked-not-checkpointed")
            move(checkpoints, position, tally, **options)

        setattr(Checkpoints, "move", wrapped)  # noqa: B010

    def _around_waves(self) -> None:
        publishers = settings().publisher
        publish = publishers.publish

        @wraps(publish)
        def wrapped(publisher: Any, records: Any) -> Any:
            deed = self._points.take("mid-wave")
            if deed == "kill":  # to stop, the fault itself sends the signal, once it knows who is to have it
                seconds = random.random() * MID_WAVE_SECONDS
                threading.Timer(seconds, os.kill, (os.getpid(), SIGNALS[deed])).start()
            return publish(publisher, records)

        publishers.publish = wrapped
