"""The loop that events are handled in, as the code that handles them sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from outbox_core.wire.consumed import ConsumerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """What the handling of events asks of the loop. ``wait`` sleeps. ``check_stop`` is asked between
    transactions of new events, ``check_retrying`` between those of held ones; all three raise Abandoned when
    the rest is dropped. ``read_on`` returns records that came later. ``paused``: topics that must not be
    handled. ``failed`` is called for each failure.
    """

    clock: Callable[[], float]
    wait: Callable[[float], None]
    check_stop: Callable[[], None]
    check_retrying: Callable[[], None]
    read_on: Callable[[], Sequence[ConsumerRecord]]
    paused: Callable[[], frozenset[str]]
    failed: Callable[[BaseException], None] = lambda error: None
