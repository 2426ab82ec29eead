"""Asks for topics that a broker creates on demand."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

from relay.publishers.directory import TopicDirectory
from relay.publishers.question import Question

LOOK_EVERY_SECONDS = 0.1
PATIENCE_SECONDS = 0.3
"""How long to wait for the next topic to appear. All other topics wait meanwhile. The events of a topic that
appears later are held for a moment.
"""


def create(
    directory: TopicDirectory,
    topics: Collection[str],
    ask: Callable[[Collection[str]], None],
    deadline: float,
) -> None:
    """Ask for missing topics in one request, and wait while topics appear. Each topic is only asked for now
    and then, so one that is never created delays nothing.
    """
    missing = directory.to_ask_for(topics)
    if not missing:
        return
    directory.asked_for(missing)
    if not Question(partial(ask, missing)).is_answered(deadline - time.monotonic()):
        return
    patience = time.monotonic() + PATIENCE_SECONDS
    while missing and time.monotonic() < min(deadline, patience):
        time.sleep(LOOK_EVERY_SECONDS)
        directory.forget(missing)
        with suppress(TimeoutError):
            directory.learn(missing, max(LOOK_EVERY_SECONDS, deadline - time.monotonic()))
        still = directory.missing(missing)
        if len(still) < len(missing):
            patience = time.monotonic() + PATIENCE_SECONDS
        missing = still
