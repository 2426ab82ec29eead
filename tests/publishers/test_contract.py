"""Every publisher keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.publishers.broker import Broker
from tests.publishers.clients import Client
from tests.publishers.contract import Ground, KafkaGround, MemoryGround, PublisherContract


class TestMemoryPublisher(PublisherContract):
    @pytest.fixture
    def ground(self) -> Ground:
        return MemoryGround()


@pytest.mark.real_kafka
class TestKafkaPublishers(PublisherContract):
    """On a real broker: kafka-python's, and librdkafka's."""

    @pytest.fixture
    def ground(self, client: Client, broker: Broker) -> Iterator[Ground]:
        with ExitStack() as stack:
            yield KafkaGround(client, broker, stack)
