"""What an operator does with held events: antidotes, release, discard. Also while the database is away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.torture.insist import INSIST_SECONDS, insist
from tests.torture.trial import CommandFailed

if TYPE_CHECKING:
    from tests.torture.inbox.trial import ConsumerTrial


WAITING = "SELECT event_id FROM inbox_held WHERE discarded_at IS NULL"
FAILED = f"{WAITING} AND error <> ''"
UNASKED = f"{WAITING} AND released_at IS NULL"
DISCARDED = "SELECT event_id FROM inbox_held WHERE discarded_at IS NOT NULL"
ANTIDOTE = "INSERT INTO torture_antidote SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING"
WITHOUT_EFFECT = (
    "SELECT poison FROM unnest(%s::uuid[]) AS poison"
    " WHERE NOT EXISTS (SELECT FROM torture_effect WHERE event_id = poison)"
)


def give_antidotes(trial: ConsumerTrial) -> list[str]:
    """Make what has failed so far digestible; returns the events of which that is true now."""
    return cure(trial, insist(lambda: trial.execute(FAILED)))


def cure(trial: ConsumerTrial, poison: list[str]) -> list[str]:
    """Give antidotes to these, except where there can be none; returns those that have one now."""
    curable = [event_id for event_id in poison if not trial.is_rotten(event_id)]
    insist(lambda: trial.execute(ANTIDOTE, (curable,)))
    return curable


def release(trial: ConsumerTrial) -> None:
    """``inbox_release --all``, if there is anything that nobody has released yet."""
    if insist(lambda: trial.execute(UNASKED)):
        insist(lambda: _unless_taken(trial, "inbox_release", "--all"))


def discard(trial: ConsumerTrial) -> None:
    """``inbox_discard`` what can never be read."""
    rotten = [event_id for event_id in insist(lambda: trial.execute(WAITING)) if trial.is_rotten(event_id)]
    if rotten:
        insist(lambda: _unless_taken(trial, "inbox_discard", "--reason", "rotten", *rotten))


def await_effects(trial: ConsumerTrial, events: list[str]) -> bool:
    """Whether all of these took effect in time."""
    deadline = time.monotonic() + INSIST_SECONDS
    while insist(lambda: trial.execute(WITHOUT_EFFECT, (events,))):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _unless_taken(trial: ConsumerTrial, *command: str) -> None:
    """Run it; that another was quicker, and nothing is held any more, is no failure."""
    try:
        trial.manage(*command)
    except CommandFailed as error:
        if "no held event" not in str(error).lower():
            raise
