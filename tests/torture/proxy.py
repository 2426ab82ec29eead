"""A TCP proxy that behaves as badly as a network can: it refuses, cuts, delays, throttles and goes silent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from devstack import ports

CHUNK = 65_536
REACH_SECONDS = 5.0


class Proxy:
    """Forwards the connections to a port of its own to port ``upstream``, which may change while it runs.

    ``delay`` is seconds added to every chunk, ``rate`` the bytes a second of one direction of a connection
    (None: unlimited).
    """

    def __init__(self, upstream: int | None = None) -> None:
        self.upstream = upstream
        self.delay = 0.0
        self.rate: int | None = None
        self._refusing = False
        self._reserved = ports.reserve()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._do(self._listen).result(REACH_SECONDS)

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
        """Behave again. What was held up by ``freeze`` passes now."""
        self.delay, self.rate, self._refusing = 0.0, None, False
        self._call(self._flowing.set)

    def close(self) -> None:
        self._do(self._shut).result(REACH_SECONDS)
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
                await self._both(self._pump(reader, far_writer), self._pump(far_reader, writer))
                self._writers.discard(far_writer)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _both(self, *pumps: object) -> None:
        tasks = [self._loop.create_task(pump) for pump in pumps]  # type: ignore[arg-type]
        self._pumps.update(tasks)
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._pumps.difference_update(tasks)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                if self.delay or self.rate:
                    await asyncio.sleep(self.delay + (len(data) / self.rate if self.rate else 0.0))
                writer.write(data)
                await writer.drain()
            await self._flowing.wait()
        with suppress(OSError):
            writer.close()

    def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _call(self, function: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (function(), done.set()))
        done.wait(REACH_SECONDS)

    def _do(self, function: object) -> object:
        return asyncio.run_coroutine_threadsafe(function(), self._loop)  # type: ignore[operator]
