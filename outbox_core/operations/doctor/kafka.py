"""The steps to Kafka and its topics, which relay and consumer go alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from outbox_core.errors import KafkaUnreachable
from outbox_core.kafka_endpoint import Endpoint
from outbox_core.kafka_reasons import remedy_of
from outbox_core.operations.doctor import network, topics
from outbox_core.operations.doctor.cluster import Cluster, Inspector, Topic
from outbox_core.operations.doctor.step import Finding, Look, Note, NotUsed, Step, failed
from outbox_core.operations.doctor.tls import speaks_tls, tls
from outbox_core.operations.doctor.walk import briefly
from outbox_core.people.humanize import plural

SETTINGS = "settings"
"""The step that reads the settings, which all of these need."""
ASK_SECONDS = 8.0
"""How long an inspector may wait for an answer. Its step takes a little longer, and has the reason."""
TOPICS_SECONDS = 3 * ASK_SECONDS + 4
"""Topics take up to three answers: the cluster, the topics, and their settings."""


class KafkaSteps:
    """The way to Kafka. ``options`` are those of the client; ``inspect`` makes a client that asks."""

    def __init__(
        self,
        options: Callable[[], Mapping[str, Any]],
        inspect: Callable[[], Inspector],
        needs: Mapping[str, topics.Needs],
    ) -> None:
        self._options = options
        self._inspect = inspect
        self._needs = needs
        self._found: Cluster | None = None
        self._topics: Mapping[str, Topic] | KafkaUnreachable | None = None

    @cached_property
    def endpoint(self) -> Endpoint:
        return Endpoint.of(self._options())

    @cached_property
    def inspector(self) -> Inspector:
        return self._inspect()

    @property
    def found(self) -> Cluster:
        """The cluster, behind the step ``login``."""
        assert self._found is not None
        return self._found

    @property
    def topics(self) -> Mapping[str, Topic]:
        """All topics, asked for once. Raises KafkaUnreachable, also for each later call."""
        if self._topics is None:
            try:
                self._topics = {topic.name: topic for topic in self.inspector.topics(list(self._needs))}
            except KafkaUnreachable as error:
                self._topics = error
        if isinstance(self._topics, KafkaUnreachable):
            raise self._topics
        return self._topics

    def all(self) -> Iterator[Step]:
        """From the host name to the topics."""
        for step in self._steps():
            yield replace(step, look=partial(self.without_secrets, step.look))

    def without_secrets(self, look: Look) -> Iterator[Note]:
        """Look, and hide the secrets of the client's options in what is found."""
        hide = self.endpoint.hide
        try:
            for said in look():
                if isinstance(said, Finding):
                    yield replace(said, text=hide(said.text), remedy=hide(said.remedy))
                else:
                    yield hide(said) if isinstance(said, str) else said
        except KafkaUnreachable as error:
            raise KafkaUnreachable(hide(str(error))) from error

    def _steps(self) -> Iterator[Step]:
        limit = 4 * network.CONNECT_SECONDS + 3
        yield Step(name="dns", look=self._dns, needs=(SETTINGS,), seconds=limit)
        yield Step(name="tcp", look=self._tcp, needs=("dns",), seconds=limit)
        yield Step(name="tls", look=self._tls, needs=("tcp",), seconds=2 * limit)
        yield Step(name="login", look=self._login, needs=("tls",), seconds=ASK_SECONDS + limit)
        yield Step(name="brokers", look=self._brokers, needs=("login",), seconds=limit)
        if self._needs:
            yield Step(name="acls", look=self._acls, needs=("login",), seconds=TOPICS_SECONDS)
        for name in self._needs:
            look = partial(self._topic, name)
            yield Step(name=f"topic {name}", look=look, needs=("login",), seconds=TOPICS_SECONDS)

    def close(self) -> None:
        """Give up the connections."""
        if "inspector" in self.__dict__:
            briefly(self.inspector.close)

    def _dns(self) -> Iterator[Note]:
        return self._directly(lambda: network.dns(self.endpoint.addresses))

    def _tcp(self) -> Iterator[Note]:
        return self._directly(lambda: network.tcp(self.endpoint.addresses))

    def _tls(self) -> Iterator[Note]:
        return self._directly(lambda: tls(self.endpoint, self.endpoint.addresses))

    def _directly(self, look: Look) -> Iterator[Note]:
        """Look, unless only a proxy sees that place."""
        if self.endpoint.proxy:
            yield NotUsed(f"the client connects through {self.endpoint.proxy}")
        else:
            yield from look()

    def _login(self) -> Iterator[Note]:
        try:
            self._found = self.inspector.cluster()
        except KafkaUnreachable as error:
            reason = str(error).rstrip(".")
            yield failed(f"{self.endpoint.login}: {reason}.", self._remedy(reason))
        else:
            brokers = plural(len(self._found.brokers), "broker")
            yield f"{self.endpoint.login}: cluster {self._found.id or 'without id'}, {brokers}"

    def _remedy(self, reason: str) -> str:
        if not self.endpoint.uses_tls and not self.endpoint.proxy and speaks_tls(self.endpoint.addresses[0]):
            return "This listener speaks TLS: set security_protocol to SSL or SASL_SSL."
        for address in self.endpoint.addresses:
            reason = reason.replace(str(address), "")  # a host may be called ssl
        if known := remedy_of(reason):
            return known
        if self.endpoint.uses_sasl:
            return "Check sasl_mechanism, the user name and the password. The broker's log has the reason."
        return "Check security_protocol: the listener may expect a login (SASL_PLAINTEXT, SASL_SSL)."

    def _brokers(self) -> Iterator[Note]:
        """The addresses that the cluster itself gives to clients."""
        yield from self._directly(self._reach_brokers)

    def _reach_brokers(self) -> Iterator[Note]:
        others = [each for each in self.found.brokers if each not in self.endpoint.addresses]
        with ThreadPoolExecutor(max(1, len(self.found.brokers)), "doctor-try") as threads:
            found = list(threads.map(lambda address: list(network.reach(address)), self.found.brokers))
        for said in (said for one in found for said in one):
            yield self._advertised(said) if isinstance(said, Finding) else said
        if self.endpoint.uses_tls and others:
            yield from tls(self.endpoint, others)

    @staticmethod
    def _advertised(found: Finding) -> Finding:
        remedy = f"The brokers advertise this address: correct advertised.listeners. {found.remedy}"
        return failed(found.text, remedy)

    def _acls(self) -> Iterator[Note]:
        found = [
            said
            for name, needs in self._needs.items()
            for said in topics.acl(self.topics[name], needs, self.endpoint.principal)
        ]
        known = [name for name in self._needs if self.topics[name].operations is not None]
        if known and not found:
            yield f"every operation is allowed on {plural(len(known), 'topic')}"
        elif not found:
            yield "the brokers do not say which operations are allowed"
        yield from found

    def _topic(self, name: str) -> Iterator[Note]:
        return topics.judge(self.topics[name], self._needs[name], self.found, self.endpoint.principal)
