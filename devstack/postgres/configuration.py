"""postgresql.conf of a server for tests and demos: durable as in production, small otherwise."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULTS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_senders": "10",
    "wal_keep_size": "512MB",
    "hot_standby": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}


def render(port: int, config: Mapping[str, str]) -> str:
    """The text of postgresql.conf; ``config`` overrides the defaults."""
    settings = {**DEFAULTS, **config, "port": str(port)}
    return "".join(f"{name} = '{_quoted(value)}'\n" for name, value in settings.items())


def _quoted(value: str) -> str:
    return str(value).replace("'", "''")
