"""The port of the demo's shop."""

from __future__ import annotations

import socket

import pytest

from demo.errors import PortTaken
from demo.storefront import choose_port


def test_a_port_that_is_asked_for_and_free_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert choose_port(port) == port


def test_a_port_that_is_asked_for_and_taken_is_refused_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} .* is taken(?s:.*)--port {port + 1}"):
            choose_port(port)


def test_without_a_wish_any_free_port_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr("demo.storefront.USUAL_PORT", other.getsockname()[1])
        assert choose_port(None) != other.getsockname()[1]
