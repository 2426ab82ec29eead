"""The proxy does what a bad network does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.torture.proxy import Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_echo, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        with closing(Proxy(server.getsockname()[1])) as made:
            yield made
        server.shutdown(socket.SHUT_RDWR)


def _echo(client: socket.socket) -> None:
    with client, suppress(OSError):
        while data := client.recv(1024):
            client.sendall(data)


def dial(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def test_it_forwards(proxy: Proxy) -> None:
    with dial(proxy) as wire:
        wire.sendall(b"hello")
        assert wire.recv(16) == b"hello"


def test_it_cuts_and_welcomes_again(proxy: Proxy) -> None:
    with dial(proxy) as wire:
        wire.sendall(b"x")
        wire.recv(1)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            wire.recv(1)
    with dial(proxy) as wire:
        wire.sendall(b"x")
        assert wire.recv(1) == b"x"


def test_it_refuses_until_it_is_healed(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionResetError), dial(proxy) as wire:  # either of them may meet the reset
        wire.recv(1)
    proxy.heal()
    with dial(proxy) as wire:
        wire.sendall(b"x")
        assert wire.recv(1) == b"x"


def test_it_goes_silent_and_delivers_later(proxy: Proxy) -> None:
    with dial(proxy) as wire:
        wire.sendall(b"x")
        wire.recv(1)
        proxy.freeze()
        wire.sendall(b"late")
        wire.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.recv(4)
        proxy.heal()
        wire.settimeout(5)
        assert wire.recv(4) == b"late"


def test_it_delays_and_throttles(proxy: Proxy) -> None:
    with dial(proxy) as wire:
        proxy.delay = 0.1
        began = time.monotonic()
        wire.sendall(b"x")
        wire.recv(1)
        assert time.monotonic() - began >= 0.2
        proxy.heal()
        proxy.rate = 1_000
        wire.sendall(b"x" * 200)
        began = time.monotonic()
        wire.recv(200)
        assert time.monotonic() - began >= 0.1


def test_healed_it_keeps_nothing_back(proxy: Proxy) -> None:
    with dial(proxy) as wire:
        wire.sendall(b"x")
        wire.recv(1)
        proxy.rate = 10
        wire.sendall(b"x" * 1_000)
        wire.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.recv(1)
        proxy.heal()
        wire.settimeout(5)
        assert wire.recv(1) == b"x"
