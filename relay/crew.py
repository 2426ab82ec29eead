"""What the shards of a relay share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outbox.cloudevents import Encoder
from relay.conf import RelaySettings
from relay.courier import Courier


@dataclass(frozen=True, slots=True)
class Crew:
    """``tick`` is called wherever something may take long; once the relay is ``stopping``, no other wave
    begins.
    """

    courier: Courier
    encode: Encoder
    settings: RelaySettings
    tick: Callable[[], None]
    stopping: Callable[[], bool] = lambda: False
