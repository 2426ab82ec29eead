"""A port that accepts connections, and says nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from outbox_core.address import Address


@pytest.fixture
def listener() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Address("127.0.0.1", server.getsockname()[1])
