"""What is asked of kafka-python beyond its own manners."""

from __future__ import annotations

import secrets
import selectors
import socket
import threading
from contextlib import suppress

import pytest
from kafka.cluster import ClusterMetadata

from relay.publishers.kafka_python.network import Network
from tests.publishers.clients import CLIENTS

QUIET_SECONDS = 1.0


@pytest.mark.real_kafka
def test_a_missing_topic_is_not_asked_for_again_and_again(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client asks for what it was asked for ten times a second, for as long as it lives."""
    answers: list[object] = []
    update = ClusterMetadata.update_metadata

    def counted(cluster: ClusterMetadata, metadata: object) -> object:
        answers.append(metadata)
        return update(cluster, metadata)

    publisher = CLIENTS["kafka-python"](kafka_bootstrap, creates=True)
    try:
        publisher.prepare([f"test.{secrets.token_hex(6)}"])
        monkeypatch.setattr(ClusterMetadata, "update_metadata", counted)
        threading.Event().wait(QUIET_SECONDS)
        assert len(answers) <= 1
    finally:
        publisher.close(5)


def test_what_is_given_up_is_not_sent_on_by_the_operating_system() -> None:
    """Closing a connection leaves its buffer to the operating system, which delivers it however late."""
    network = Network(bootstrap_servers="127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    near.setblocking(False)
    network._net.register_event(near, selectors.EVENT_WRITE, lambda: None)
    handed_over = 0
    with suppress(BlockingIOError):
        while True:
            handed_over += near.send(bytes(65_536))
    near.shutdown(socket.SHUT_RDWR)  # as the client does before it closes
    network.close()
    arrived = 0
    with far, suppress(ConnectionResetError):
        while data := far.recv(65_536):
            arrived += len(data)
    assert arrived < handed_over
