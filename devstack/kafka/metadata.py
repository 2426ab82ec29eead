"""Asking a Kafka cluster who it is."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

TIMEOUT_MS = 5_000


def brokers(bootstrap_servers: str) -> int:
    """How many brokers answer a metadata request as serving; 0 when none can be asked."""
    try:
        with admin(bootstrap_servers) as client:
            known = client.describe_cluster()["brokers"]
    except (KafkaError, OSError):
        return 0
    return sum(not broker.get("is_fenced", False) for broker in known)


@contextlib.contextmanager
def admin(bootstrap_servers: str) -> Iterator[KafkaAdminClient]:
    """An admin client, made only where something listens: one that cannot connect leaves a thread behind."""
    _dial(bootstrap_servers)
    client = KafkaAdminClient(
        bootstrap_servers=bootstrap_servers.split(","),
        bootstrap_timeout_ms=TIMEOUT_MS,
        request_timeout_ms=4 * TIMEOUT_MS,
    )
    try:
        yield client
    finally:
        client.close()


def _dial(bootstrap_servers: str) -> None:
    """Raise OSError unless one of them accepts a connection."""
    refused: OSError | None = None
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_MS / 1000):
                return
        except ValueError:
            refused = OSError(f"{address!r} is not host:port")
        except OSError as error:
            refused = OSError(f"{address}: {error}")
    raise refused or OSError("no address given")
