"""What a fault of the torture suite is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.torture.trial import Trial

Cause = Callable[[Trial, random.Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """``brokers`` is how many there must be. What is not ``concurrent`` runs alone, as it replaces the server
    or must see the log stand still; what is ``once`` is no part of a random run. ``needs``
    names what the ground must have: ``disk``, ``clock`` or ``acls``. What ``rewinds``
    makes the database forget positions, so that more than the waves under way are sent again.
    """

    name: str
    cause: Cause
    brokers: int = 1
    concurrent: bool = True
    once: bool = False
    needs: str | None = None
    rewinds: bool = False
