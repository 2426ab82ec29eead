"""A small HTTP server in a thread of its own, for probes and metrics: GET and HEAD, one request a connection.

The loop of the process never waits for it. Clients that send nothing, too much, or read slowly are cut off.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from outbox_core.address import Address
from outbox_core.errors import AddressUnusable

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 5.0
"""How long a client may take to send its request, and then to read the answer."""
END_SECONDS = 1.0
"""How long the end of the process waits for requests in progress."""
REQUEST_BYTES = 8_192
CONNECTIONS = 64
"""More at a time are refused, so that clients cannot use up the file descriptors of the process."""
BACKLOG = 64
TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    status: HTTPStatus
    body: bytes
    content_type: str = TEXT


Query = dict[str, list[str]]
Respond = Callable[[Query], Awaitable[Answer]]
"""Answers a request for one path. It must not block, because others wait for their answers meanwhile."""


class HttpServer:
    """Serves ``pages``, by path, while the context is active. ``address`` is where it listens.

    Raises:
        AddressUnusable: the port is taken, or the host is not one of this machine.
    """

    def __init__(self, address: Address, pages: dict[str, Respond]) -> None:
        self._pages = pages
        self._socket = _listen(address)
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def address(self) -> Address:
        return Address(*self._socket.getsockname()[:2])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):  # its thread has ended
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(END_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            self._loop.set_exception_handler(_forget)
            runner.run(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(
            self._serve, sock=self._socket, limit=REQUEST_BYTES, backlog=BACKLOG
        )
        await self._end.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= CONNECTIONS:
                await self._exchange(reader, writer)
        except (OSError, EOFError, TimeoutError):
            pass  # the client has gone, or is too slow
        finally:
            self._connections -= 1
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            head = b""
        method, answer = await self._answer(head)
        writer.write(_encoded(method, answer))
        async with asyncio.timeout(REQUEST_SECONDS):
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _answer(self, head: bytes) -> tuple[str, Answer]:
        """The method of a request and the answer to it."""
        parts = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            return "GET", _plain(HTTPStatus.BAD_REQUEST, "This is not an HTTP/1.1 request.")
        method, target, _ = parts
        if method not in ("GET", "HEAD"):
            return method, _plain(HTTPStatus.METHOD_NOT_ALLOWED, "Use GET or HEAD.")
        try:
            path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        except ValueError:
            return method, _plain(HTTPStatus.BAD_REQUEST, "The path of the request cannot be read.")
        if (respond := self._pages.get(path)) is None:
            return method, _plain(HTTPStatus.NOT_FOUND, f"There are: {', '.join(self._pages)}.")
        try:
            return method, await respond(query)
        except Exception:
            logger.exception("The answer to %s failed.", path, extra={"action": "process.http_failed"})
            return method, _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "The log of the process says why.")


def _listen(address: Address) -> socket.socket:
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AddressUnusable(
            f"--http {address}: cannot listen there: {reason}. Give each process an address of its own."
        ) from error


def _plain(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, f"{text}\n".encode())


def _encoded(method: str, answer: Answer) -> bytes:
    status, body, content_type = answer
    head = [
        f"HTTP/1.1 {status} {status.phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        head.append("Allow: GET, HEAD")
    return "\r\n".join([*head, "", ""]).encode() + (b"" if method == "HEAD" else body)


def _forget(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What asyncio reports of connections that break. The default handler would log each of them."""
