from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar


class Server(ABC):
    """Kafka: brokers of our own, in containers, a stand-in, or those that were there before us."""

    is_real: ClassVar[bool] = True
    """Whether it is Apache Kafka, or whatever KAFKA_BOOTSTRAP_SERVERS names, rather than the stand-in."""

    @property
    @abstractmethod
    def bootstrap_servers(self) -> str:
        """Comma-separated, as KAFKA_BOOTSTRAP_SERVERS gives them."""

    @abstractmethod
    def launch(self) -> None:
        """Start it without waiting for it."""

    @abstractmethod
    def await_ready(self) -> None:
        """Return once a metadata request lists every broker; raises DevstackError if it never does."""

    @abstractmethod
    def close(self) -> None:
        """Stop it for good, and remove its data."""

    def start(self) -> None:
        self.launch()
        self.await_ready()
