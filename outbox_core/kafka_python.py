"""Why a connection of kafka-python failed. The client itself only logs it. Imported only with that client."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

Received = tuple[bytes, Exception | None]


class ReportingConnections(KafkaConnectionManager):  # type: ignore[misc]
    """Remembers in ``trouble`` why a connection failed last."""

    def __init__(self, net: NetworkSelector, **configs: Any) -> None:
        self.trouble = ""
        super().__init__(net, **configs)

    def get_connection(self, node_id: Any, *args: Any, **kwargs: Any) -> Any:
        is_new = node_id not in self._conns
        connection = super().get_connection(node_id, *args, **kwargs)
        if is_new:
            connection.close_future.add_errback(partial(self._failed, node_id))
        return connection

    async def _build_transport(self, *args: Any, **kwargs: Any) -> Any:
        transport = await super()._build_transport(*args, **kwargs)
        transport._sock_recv = partial(_last_words_first, transport._sock_recv, [])
        return transport

    def _failed(self, node_id: Any, error: BaseException) -> None:
        if not self.closed:
            node = self.cluster.broker_metadata(node_id)
            self.trouble = f"{node.host}:{node.port}: {words(error)}" if node else words(error)


class ReportingClient(KafkaNetClient):  # type: ignore[misc]
    """The connections of one client."""

    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        self._reporting = ReportingConnections(net, **configs)
        super().__init__(net=net, manager=self._reporting, **configs)

    @property
    def trouble(self) -> str:
        """Why a connection failed last."""
        return self._reporting.trouble


def _last_words_first(receive: Callable[[], Received], ended: list[Exception]) -> Received:
    """Make the client read the last answer of a broker before it sees the end of the connection. Otherwise
    the client drops that answer, in which a broker reports a wrong password.
    """
    if ended:
        return b"", ended[0]
    data, error = receive()
    if data and error:
        ended.append(error)
        return data, None
    return data, error


def words(error: BaseException) -> str:
    """The text of a client's error, with its kind if the text does not name it."""
    text = str(error)
    if isinstance(error, OSError) and not isinstance(error, kafka_errors.KafkaError):
        return text
    return text if type(error).__name__ in text else f"{type(error).__name__}: {text}"
