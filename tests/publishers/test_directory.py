"""What is remembered of topics, and for how long they are not asked for again."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from relay.publishers.base import Trouble
from relay.publishers.topics import ASK_AGAIN_SECONDS, Topic, TopicDirectory


class Cluster:
    """Describes the topics that it has, and counts how often it was asked."""

    def __init__(self) -> None:
        self.has: set[str] = set()
        self.asked = 0

    def __call__(self, names: Collection[str], seconds: float) -> list[Topic]:
        self.asked += 1
        return [Topic(n, trouble=None if n in self.has else Trouble.TOPIC_MISSING) for n in names]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr("relay.publishers.topics.time.monotonic", lambda: now[0])
    return now


def test_a_missing_topic_is_asked_for_once_in_a_while(clock: list[float]) -> None:
    directory = TopicDirectory(Cluster())
    directory.learn(["a", "b"], 1)
    assert directory.to_ask_for(["a", "b"]) == ["a", "b"]
    directory.asked_for(["a"])
    assert directory.to_ask_for(["a", "b"]) == ["b"]
    assert directory.missing(["a", "b"]) == ["a", "b"]
    clock[0] += ASK_AGAIN_SECONDS
    assert directory.to_ask_for(["a", "b"]) == ["a", "b"]


def test_a_topic_that_is_there_is_remembered_and_a_missing_one_looked_for_soon(clock: list[float]) -> None:
    cluster = Cluster()
    cluster.has.add("a")
    directory = TopicDirectory(cluster)
    directory.learn(["a", "b"], 1)
    directory.learn(["a"], 1)
    assert cluster.asked == 1
    clock[0] += 2
    cluster.has.add("b")
    directory.learn(["a", "b"], 1)
    assert cluster.asked == 2
    assert directory.missing(["a", "b"]) == []
    assert directory.to_ask_for(["b"]) == []
