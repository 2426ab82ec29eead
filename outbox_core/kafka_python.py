"""Why a connection of kafka-python failed, which the client itself only logs. Imports no client."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

Received = tuple[bytes, Exception | None]


class Reporting:
    """For a connection manager of the client: remembers in ``trouble`` why a connection failed last."""

    closed: bool
    cluster: Any

    def __init__(self, *arguments: Any, **configs: Any) -> None:
        self.trouble = ""
        super().__init__(*arguments, **configs)

    def get_connection(self, node_id: Any, *args: Any, **kwargs: Any) -> Any:
        is_new = node_id not in self._conns  # type: ignore[attr-defined]
        connection = super().get_connection(node_id, *args, **kwargs)  # type: ignore[misc]
        if is_new:
            connection.close_future.add_errback(partial(self._failed, node_id))
        return connection

    async def _build_transport(self, *args: Any, **kwargs: Any) -> Any:
        transport = await super()._build_transport(*args, **kwargs)  # type: ignore[misc]
        transport._sock_recv = partial(_last_words_first, transport._sock_recv, [])
        return transport

    def _failed(self, node_id: Any, error: BaseException) -> None:
        if not self.closed:
            node = self.cluster.broker_metadata(node_id)
            self.trouble = f"{node.host}:{node.port}: {words(error)}" if node else words(error)


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
    text, kind = str(error), type(error)
    if isinstance(error, OSError) and not kind.__module__.startswith("kafka."):
        return text
    return text if kind.__name__ in text else f"{kind.__name__}: {text}"
