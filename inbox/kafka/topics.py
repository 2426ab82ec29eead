"""The topics of a consumer: which of them exist, and whether they are still the same topics."""

from __future__ import annotations

from collections.abc import Callable, Collection

from inbox.kafka.connections import Membership
from inbox.kafka.topic_ids import TopicIds
from inbox.signals import topics_found, topics_missing


class Topics:
    """The topics of a consumer: which of them exist, and whether they are still those that its client
    subscribed to. ``first`` is one of their names.
    """

    def __init__(self, consumer: str, names: Collection[str], clock: Callable[[], float]) -> None:
        self.first = min(names)
        self.ids = TopicIds(consumer)
        self.missing = MissingTopics(consumer, clock)
        self.names = frozenset(names)

    def subscribe(self, member: Membership) -> None:
        """Subscribe a new member to the topics that exist."""
        missing = self._absent(member)
        self.missing.note(missing)
        names = self.names - missing
        if names:
            member.subscribe(names)
        ids = member.topic_ids()
        self.ids.note(member.cluster_id(), {name: ids.get(name) for name in names})

    def have_changed(self, member: Membership) -> bool:
        """Whether the member knows that one of its topics was deleted or recreated. Sends no request."""
        return self.ids.changed(member.topic_ids())

    def refresh(self, member: Membership) -> bool:
        """Ask for the missing topics. Returns whether one exists now."""
        return self.missing.note(self._absent(member))

    def _absent(self, member: Membership) -> frozenset[str]:
        return self.names - frozenset(member.ask_for_topics())


class MissingTopics:
    """The topics that a consumer cannot read. It signals once when they are missing and once when they are
    found. The other topics are read meanwhile.
    """

    def __init__(self, consumer: str, clock: Callable[[], float]) -> None:
        self._consumer = consumer
        self._clock = clock
        self._since: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def __str__(self) -> str:
        names = ", ".join(sorted(self._since))
        return f"topics that do not exist, or that it may not read: {names}" if names else ""

    def note(self, missing: frozenset[str]) -> bool:
        """Note which topics are missing now. Returns whether one was found."""
        now = self._clock()
        found = {topic: self._since.pop(topic) for topic in self._since.keys() - missing}
        new = missing - self._since.keys()
        self._since |= dict.fromkeys(new, now)
        if found:
            topics_found.send(self._consumer, topics=set(found), seconds=now - min(found.values()))
        if new:
            topics_missing.send(self._consumer, topics=missing)
        return bool(found)
