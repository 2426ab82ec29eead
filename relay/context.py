"""What the shards of a relay share: the encoder, the settings, the link to the database, and
the loop's callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outbox_core.wire.encode import Encoder
from relay.conf import RelaySettings
from relay.log.link import Link
from relay.sender import Sender


@dataclass(frozen=True, slots=True)
class Context:
    """``sender`` is that of one shard. Call ``tick`` regularly in anything that may take long. Once
    ``stopping`` returns True, no new wave begins. ``carry_operations`` returns at once.
    """

    sender: Sender
    encode: Encoder
    settings: RelaySettings
    link: Link
    tick: Callable[[], None]
    stopping: Callable[[], bool] = lambda: False
    carry_operations: Callable[[], None] = lambda: None
