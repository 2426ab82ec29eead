"""A broker of our own, to be asked, frozen and killed; one of its two listeners knows users and ACLs."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import KafkaError
from kafka.protocol.admin import AlterClientQuotasRequest

import devstack.kafka
from devstack import DevstackError, ports
from devstack.kafka.properties import Node
from tests.reading import records_of
from tests.torture.proxy import Proxy
from tests.waiting import wait_until

USER, PASSWORD = "relay", "relay-secret"
OUTSIDER = "outsider"
"""A user of the same password, who is allowed nothing but what a test allows."""


class Received(NamedTuple):
    """A record as a consumer sees it."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Broker:
    """It creates topics. On ``address`` all is allowed, on ``secured`` what the user has been allowed, and on
    ``slow`` all, over a link that ``proxy`` may slow down.
    """

    def __init__(self) -> None:
        self._cluster = devstack.kafka.Cluster()
        self._port, self._slow_port = ports.reserve(), ports.reserve()
        self.proxy = Proxy(int(self._slow_port))
        self._server = self._cluster.brokers[0]
        node = self._server.node
        self._password = PASSWORD
        self._server.configure([node], self._listeners(node))
        self.address = node.address
        self.secured = f"127.0.0.1:{int(self._port)}"
        self.slow = self.proxy.address

    def _listeners(self, node: Node) -> dict[str, str]:
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        both = f"PLAINTEXT://{node.address},SASL://127.0.0.1:{int(self._port)}"
        inner = f"SLOW://127.0.0.1:{int(self._slow_port)},CONTROLLER://127.0.0.1:{node.controller_port}"
        protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SLOW:PLAINTEXT,SASL:SASL_PLAINTEXT"
        return {
            "listeners": f"{both},{inner}",
            "advertised.listeners": f"{both},SLOW://{self.proxy.address}",
            "listener.security.protocol.map": protocols,
            "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl.plain.sasl.jaas.config": f'{module} required user_{USER}="{self._password}" '
            f'user_{OUTSIDER}="{self._password}";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "auto.create.topics.enable": "true",
        }

    def start(self) -> None:
        """Start it, again after ``kill``; it keeps its data and addresses."""
        self._server.start()

    def kill(self) -> None:
        self._server.kill()

    def close(self) -> None:
        self._cluster.close()
        self.proxy.close()
        self._port.release()
        self._slow_port.release()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections, and answers nothing."""
        pid = self._server.pid
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)  # until then some of its threads may go on
        try:
            yield
        finally:
            if self._server.is_running and self._server.pid == pid:
                os.kill(pid, signal.SIGCONT)
                wait_until(self._takes_topics, 60, "the broker is a member of its cluster again")

    @contextmanager
    def another_password(self) -> Iterator[None]:
        """It is restarted, so that all connections are cut, and refuses the password that it has taken."""
        self._restart("another")
        try:
            yield
        finally:
            self._restart(PASSWORD)

    def _restart(self, password: str) -> None:
        self.kill()
        self._password, node = password, self._server.node
        self._server.configure([node], self._listeners(node))
        self.start()

    def _takes_topics(self) -> bool:
        """After a pause the controller may have fenced it for a moment."""
        try:
            self.topic()
        except KafkaError:
            return False
        return True

    def topic(self, partitions: int = 1, **configs: str) -> str:
        """Create a topic of a name of its own."""
        name = f"test.{secrets.token_hex(6)}"
        self.create(name, partitions, **configs)
        return name

    def create(self, name: str, partitions: int, **configs: str) -> None:
        devstack.kafka.create_topics(self.address, {name: partitions}, configs=configs)

    def limit(self, client_id: str, bytes_per_second: float) -> None:
        """Give a client a quota."""
        entry = AlterClientQuotasRequest.EntryData
        quota = entry(
            entity=[entry.EntityData(entity_type="client-id", entity_name=client_id)],
            ops=[entry.OpData(key="producer_byte_rate", value=bytes_per_second, remove=False)],
        )
        with self._admin() as admin:
            manager = admin._manager
            manager.run(manager.send, AlterClientQuotasRequest(entries=[quota], validate_only=False))

    def configure(self, topic: str, **configs: str) -> None:
        """Returns once the broker knows of it; its log may apply it a moment later."""
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(configs))]
        with self._admin() as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])

            def known() -> bool:
                found = admin.describe_configs(asked, config_filter="all")["topic"][topic]
                return all(found[name]["value"] == value for name, value in configs.items())

            wait_until(known, 60, "the broker knows what was configured")

    def grow(self, topic: str, partitions: int) -> None:
        with self._admin() as admin:
            admin.create_partitions({topic: partitions})
            admin.wait_for_topics([topic])

    def delete(self, topic: str) -> None:
        with self._admin() as admin:
            admin.delete_topics([topic])

    def exists(self, topic: str) -> bool:
        with self._admin() as admin:
            return topic in admin.list_topics()

    def allow(self, topic: str, *operations: str, user: str = USER) -> None:
        """Let the user do this with a topic."""
        with self._admin() as admin:
            admin.create_acls([_acl(topic, operation, user) for operation in operations])

    def forbid(self, topic: str, *operations: str, user: str = USER) -> None:
        """Take that back."""
        with self._admin() as admin:
            admin.delete_acls([_acl(topic, operation, user) for operation in operations])

    def read(self, topic: str) -> list[Received]:
        """Every record of a topic, partition by partition."""
        return [
            Received(record.partition, record.key, record.value, list(record.headers))
            for record in records_of(self.address, topic)
        ]

    def _admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=20_000)


def _acl(topic: str, operation: str, user: str = USER) -> ACL:
    return ACL(
        principal=f"User:{user}",
        host="*",
        operation=ACLOperation[operation],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(ResourceType.TOPIC, topic),
    )


B = TypeVar("B", bound=Broker)


@contextmanager
def running(make: Callable[[], B]) -> Iterator[B]:
    """A broker, started, and closed at the end. Without Apache Kafka itself the test is skipped."""
    try:
        broker = make()
    except DevstackError as error:
        pytest.skip(f"needs Apache Kafka itself: {error}")
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
