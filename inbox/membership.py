from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.structs import MemberState

JOIN_SECONDS = 3.0  # how long a member may take to learn its partitions once the group has formed


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers whether partitions were taken away since it was last cleared, and sees a join that hangs.

    ``welcome`` is called with partitions before anything of them is fetched.
    """

    def __init__(self, welcome: Callable[[set[TopicPartition]], None]) -> None:
        self.revoked = False
        self.joined = False
        self._welcome = welcome
        self._generation = -1
        self._joined_at: float | None = None

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.revoked |= bool(revoked)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._welcome(assigned)

    def hangs(self, group: Any, now: float) -> bool:
        """Whether the client has joined a generation and does not take up its assignment.

        It forgets about a join that takes longer than a poll where its reason, new partitions of a topic, is
        gone by then. While others have yet to join, the generation is still the old one: that is no hanging.
        """
        self.joined = group.state == MemberState.STABLE
        if self.joined:
            self._generation = group.generation_id
        if group.generation_id in (-1, self._generation):
            self._joined_at = None
        elif self._joined_at is None:
            self._joined_at = now
        return self._joined_at is not None and now > self._joined_at + JOIN_SECONDS
