"""What every Kafka of devstack can do."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import devstack.server


class Server(devstack.server.Server):
    """Kafka: brokers of our own, in containers, a stand-in, or those that were there before us."""

    is_real: ClassVar[bool] = True
    """Whether it is Apache Kafka, or whatever KAFKA_BOOTSTRAP_SERVERS names, rather than the stand-in."""

    @property
    @abstractmethod
    def bootstrap_servers(self) -> str:
        """Comma-separated, as KAFKA_BOOTSTRAP_SERVERS gives them."""
