"""The topics of a consumer: which of them exist, and whether they are still the same topics."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from inbox.kafka.client import cluster_id, topic_ids
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
        self._names = frozenset(names)

    def subscribe(self, client: Any, listener: Any) -> None:
        """Subscribe a new client to the topics that exist."""
        missing = self._absent(client)
        self.missing.note(missing)
        names = self._names - missing
        if names:
            client.subscribe(sorted(names), listener=listener)
            client.topics()  # so that it knows their partitions before it joins, and does not join twice
        ids = topic_ids(client)
        self.ids.note(cluster_id(client), {name: ids.get(name) for name in names})

    def have_changed(self, client: Any) -> bool:
        """Whether the client knows that one of its topics was deleted or recreated. Sends no request."""
        return self.ids.changed(topic_ids(client))

    def are_new_in(self, client: Any, names: Collection[str]) -> bool:
        """Whether the client knows that one of these topics was recreated. Sends no request."""
        return self.ids.recreated(names, topic_ids(client))

    def refresh(self, client: Any) -> bool:
        """Ask for the missing topics. Returns whether one exists now. It has no timeout."""
        return self.missing.note(self._absent(client))

    def _absent(self, client: Any) -> frozenset[str]:
        return self._names - frozenset[str](client.topics())


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
        """These are missing now. Returns whether others were found."""
        now = self._clock()
        found = {topic: self._since.pop(topic) for topic in self._since.keys() - missing}
        new = missing - self._since.keys()
        self._since |= dict.fromkeys(new, now)
        if found:
            topics_found.send(self._consumer, topics=set(found), seconds=now - min(found.values()))
        if new:
            topics_missing.send(self._consumer, topics=missing)
        return bool(found)
