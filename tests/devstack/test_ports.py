"""Reserving ports."""

from __future__ import annotations

import socket

from devstack import ports


def test_a_reserved_port_is_free_and_nobody_else_gets_it() -> None:
    reserved = [ports.reserve() for _ in range(50)]
    try:
        assert len({port.number for port in reserved}) == len(reserved)
        with socket.create_server(("127.0.0.1", reserved[0].number)):
            pass
    finally:
        for port in reserved:
            port.release()
