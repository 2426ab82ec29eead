"""What is remembered of topics, and for how long they are not asked for again."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from relay.publishers.base import Trouble
from relay.publishers.directory import ASK_AGAIN_SECONDS, KEPT_SECONDS, LEADERLESS_SECONDS, TopicDirectory
from relay.publishers.topics import Topic


class Cluster:
    """Describes the topics that it has, and counts how often it was asked."""

    def __init__(self) -> None:
        self.has: set[str] = set()
        self.leaderless: set[str] = set()
        self.asked = 0

    def __call__(self, names: Collection[str], seconds: float) -> list[Topic]:
        self.asked += 1
        return [self._topic(name) for name in names]

    def _topic(self, name: str) -> Topic:
        trouble = None if name in self.has else Trouble.TOPIC_MISSING
        return Topic(name, trouble=trouble, leaderless=name in self.leaderless)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr("relay.publishers.directory.time.monotonic", lambda: now[0])
    return now


def trouble(directory: TopicDirectory, name: str) -> Trouble | None:
    directory.learn([name], 1)
    return directory[name].trouble


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


def test_an_election_is_no_trouble_and_a_topic_without_a_leader_is(clock: list[float]) -> None:
    cluster = Cluster()
    cluster.has = cluster.leaderless = {"a"}
    directory = TopicDirectory(cluster)
    assert trouble(directory, "a") is None
    clock[0] += LEADERLESS_SECONDS
    assert trouble(directory, "a") is Trouble.NOT_ENOUGH_REPLICAS
    cluster.leaderless = set()
    clock[0] += LEADERLESS_SECONDS
    assert trouble(directory, "a") is None


def test_topics_that_are_not_written_any_more_are_forgotten(clock: list[float]) -> None:
    """Names of topics may come from the project's data, such as a tenant's. An election that comes much later
    is no trouble, either.
    """
    cluster = Cluster()
    cluster.has = cluster.leaderless = {"a"}
    directory = TopicDirectory(cluster)
    directory.learn(["a"], 1)
    directory.narrow("a", 1_000)
    for number in range(3):
        clock[0] += KEPT_SECONDS
        directory.learn([f"other {number}"], 1)
    assert directory.known == {"other 1", "other 2"}
    assert trouble(directory, "a") is None
    assert directory["a"].narrowed_to is None


def test_a_topic_that_is_still_written_is_not_forgotten(clock: list[float]) -> None:
    cluster = Cluster()
    cluster.has = {"a", "b"}
    directory = TopicDirectory(cluster)
    directory.learn(["a", "b"], 1)
    directory.narrow("a", 1_000)
    directory.forget(["a"])
    clock[0] += 2 * KEPT_SECONDS
    directory.learn(["a"], 1)
    assert directory["a"].narrowed_to == 1_000
    assert directory.known == {"a"}
