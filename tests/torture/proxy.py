"""A TCP proxy that behaves as badly as a network can: it refuses, cuts, delays, throttles and goes silent."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any, TypeVar

from devstack import ports

T = TypeVar("T")

CHUNK = 65_536
REACH_SECONDS = 5.0


class Proxy:
    """Forwards the connections to a port of its own to port ``upstream``, which may change while it runs.

    ``delay`` is seconds added to every chunk, ``rate`` the bytes a second of one direction of a connection
    (None: unlimited), ``answer_rate`` those of what comes back, if that is slower.
    """

    def __init__(self, upstream: int | None = None) -> None:
        self.upstream = upstream
        self.delay = 0.0
        self.rate: int | None = None
        self.answer_rate: int | None = None
        self._refusing = False
        self._reserved = ports.reserve()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._healed = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._do(self._listen())

    @property
    def port(self) -> int:
        return self._reserved.number

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset every connection; new ones are welcome."""
        self._call(self._reset)

    def refuse(self) -> None:
        """Reset every connection, and every new one at once."""
        self._refusing = True
        self.cut()

    def freeze(self) -> None:
        """Go silent: connections stay open, and nothing passes any more, not even their end."""
        self._call(self._flowing.clear)

    def heal(self) -> None:
        """Behave again. What was held up passes now."""
        self.delay, self.rate, self.answer_rate, self._refusing = 0.0, None, None, False
        self._call(self._let_pass)

    def close(self) -> None:
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(REACH_SECONDS)
        self._loop.close()
        self._reserved.release()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _shut(self) -> None:
        self._server.close()
        self._reset()
        for task in self._pumps:
            task.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._refusing or self.upstream is None:
                return
            await self._flowing.wait()
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
                self._writers.add(far_writer)
                there = self._pump(reader, far_writer, lambda: self.rate)
                back = self._pump(far_reader, writer, lambda: self.answer_rate or self.rate)
                await self._both(there, back)
                self._writers.discard(far_writer)
        finally:
            self._writers.discard(writer)
            _reset(writer)

    async def _both(self, *pumps: Coroutine[Any, Any, None]) -> None:
        tasks = [self._loop.create_task(pump) for pump in pumps]
        self._pumps.update(tasks)
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._pumps.difference_update(tasks)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: Callable[[], int | None]
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                if seconds := self.delay + len(data) / (rate() or inf):
                    await self._dawdle(seconds)
                writer.write(data)
                await writer.drain()
            await self._flowing.wait()
        with suppress(OSError):
            writer.close()

    async def _dawdle(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._healed.wait(), seconds)

    def _let_pass(self) -> None:
        self._flowing.set()
        self._healed.set()  # wakes those who wait now,
        self._healed.clear()  # and nobody who will

    def _reset(self) -> None:
        for writer in self._writers:
            _reset(writer)

    def _call(self, function: Callable[[], None]) -> None:
        async def call() -> None:
            function()

        self._do(call())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(REACH_SECONDS)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with an RST, whatever is still to be sent."""
    wire = writer.transport.get_extra_info("socket")
    if wire is not None and wire.fileno() >= 0:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
