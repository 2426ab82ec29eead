"""Shards split and merged under load, and retention beside an open writer."""

from __future__ import annotations

import random

from tests.torture.faults.fault import Fault
from tests.torture.insist import insist
from tests.torture.trial import Trial


def reshard(trial: Trial, chance: random.Random) -> None:
    count = str(chance.choice([1, 1, 2, 3, 4]))
    insist(lambda: trial.manage("outbox_shards", count))


def prune(trial: Trial, chance: random.Random) -> None:
    """Delete all that is published, however young, while writers hold transactions open."""
    insist(lambda: trial.manage("outbox_prune", "--older-than", "0"))


FAULTS = [Fault("reshard", reshard), Fault("prune", prune)]
