"""What all shards of a relay share: the sender, the encoder, the settings, and the loop's callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from outbox_core.wire.encode import Encoder
from relay.conf import RelaySettings
from relay.log.link import Link
from relay.sender import Sender


@dataclass(frozen=True, slots=True)
class Context:
    """Call ``tick`` regularly in anything that may take long. Once ``stopping`` returns True, no new wave
    begins. ``carry_operations`` returns at once.
    """

    sender: Sender
    encode: Encoder
    settings: RelaySettings
    tick: Callable[[], None]
    stopping: Callable[[], bool] = lambda: False
    carry_operations: Callable[[], None] = lambda: None
    link: Link = field(init=False)
    """To the database. It is known for as long as the relay runs."""

    def __post_init__(self) -> None:
        lasts = min(self.settings.lease_seconds, self.settings.statement_seconds)
        object.__setattr__(self, "link", Link(lasts / 2))
