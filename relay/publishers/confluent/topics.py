"""Asks the broker about topics, through confluent-kafka's admin client."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Container, Mapping, Set
from concurrent.futures import Future, wait
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from outbox_core.librdkafka import ClientReports
from relay.publishers.base import Trouble
from relay.publishers.directory import KEPT_SECONDS
from relay.publishers.topics import LIMITS, Limits, Topic, internal, unnameable

CONFIG_SECONDS = 1.0
"""How much longer than the description the limits may take. librdkafka asks for all options of a topic, about
2 kB, and cannot ask for two.
"""
SLICE_SECONDS = 0.2

_TROUBLES = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Trouble.TOPIC_FORBIDDEN,
    KafkaError.TOPIC_EXCEPTION: Trouble.TOPIC_MISSING,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Trouble.TOPIC_MISSING,
    KafkaError.LEADER_NOT_AVAILABLE: Trouble.TOPIC_MISSING,
}


class TopicDescriber:
    """Describes topics within the time that it is given. On a link whose answers are slow, the limits of a
    topic are those of the last answer that came, or unknown: then the broker judges. The limits of a topic
    that is not written any more are forgotten, as ``TopicDirectory`` forgets it.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        reports: ClientReports,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = {**options, "error_cb": reports.error}
        self._reports = reports
        self._clock = clock
        self._admin: AdminClient | None = None
        self._limits: dict[str, Limits] = {}
        self._asked: dict[str, float] = {}

    @property
    def known(self) -> Set[str]:
        """The topics whose limits are remembered."""
        return self._limits.keys()

    def __call__(self, names: Collection[str], seconds: float) -> list[Topic]:
        """Raises KafkaException when the broker does not answer."""
        admin = self._admin = self._admin or AdminClient(self._options, logger=self._reports)
        since = time.monotonic()
        described = admin.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=True, request_timeout=seconds
        )
        self._wait(admin, described.values())
        topics = [_topic(name, answer) for name, answer in described.items()]
        self._learn_limits(
            admin, [t.name for t in topics if t.trouble is None], CONFIG_SECONDS + time.monotonic() - since
        )
        admin.poll(0)
        self._forget_all_but(names)
        return [topic.limited(self._limits.get(topic.name, {})) for topic in topics]

    def _learn_limits(self, admin: AdminClient, names: Collection[str], seconds: float) -> None:
        """Ask for the limits of these topics, and keep those that are known if no answer comes in time."""
        if not names:
            return
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        answers = admin.describe_configs(resources, request_timeout=seconds)
        self._wait(admin, answers.values())
        for resource, answer in answers.items():
            code = _error(answer, but=[KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._TIMED_OUT])
            if code is None:
                self._limits[resource.name] = {name: int(answer.result()[name].value) for name in LIMITS}
            elif code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                self._limits.pop(resource.name, None)

    def _forget_all_but(self, names: Collection[str]) -> None:
        """Forget the limits of topics that nobody has asked about for long."""
        now = self._clock()
        self._asked |= dict.fromkeys(names, now)
        for name in [name for name, at in self._asked.items() if now - at > KEPT_SECONDS]:
            del self._asked[name]
            self._limits.pop(name, None)

    def _wait(self, admin: AdminClient, answers: Collection[Future[Any]]) -> None:
        """Wait for all. Raises TimeoutError if this was closed meanwhile."""
        while wait(answers, SLICE_SECONDS).not_done:
            if self._admin is not admin:
                raise TimeoutError("the question was cancelled")

    def close(self) -> None:
        self._admin = None


def _topic(name: str, answer: Future[Any]) -> Topic:
    code = _error(answer, but=_TROUBLES)
    if code == KafkaError.TOPIC_EXCEPTION:
        return unnameable(name)
    if code is not None:
        return Topic(name, trouble=_TROUBLES[code])
    if answer.result().is_internal:
        return internal(name)
    allowed = answer.result().authorized_operations
    if allowed and AclOperation.WRITE not in allowed:
        return Topic(name, trouble=Trouble.TOPIC_FORBIDDEN)
    partitions = answer.result().partitions
    led = [each for each in partitions if each.leader]
    replicas = frozenset((len(each.isr), len(each.replicas)) for each in led)
    return Topic(name, replicas=replicas, leaderless=len(led) < len(partitions))


def _error(answer: Future[Any], but: Container[int]) -> int | None:
    """The error code of the answer, if it is an error. Raises all errors ``but`` these. It raises a copy,
    because the original would keep the client alive: answer, error and traceback refer to each other.
    """
    error = answer.exception()
    if error is None:
        return None
    if not isinstance(error, KafkaException):
        raise error
    code: int = error.args[0].code()
    if code not in but:
        raise KafkaException(error.args[0])
    return code
