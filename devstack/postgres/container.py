"""PostgreSQL in a container."""

from __future__ import annotations

from devstack import docker, ports
from devstack.deadline import reached
from devstack.errors import DevstackError
from devstack.postgres.server import Server

IMAGE = "postgres:18-alpine"
PORT = 5432
START_TIMEOUT = 120.0


class Container(Server):
    """A PostgreSQL server in a container."""

    def __init__(self) -> None:
        container = docker.container(IMAGE)
        self._port = ports.reserve()
        self._container = container.with_env("POSTGRES_HOST_AUTH_METHOD", "trust").with_command(
            ["-c", "max_connections=200", "-c", "shared_buffers=256MB"]
        )
        docker.publish(container, PORT, self._port.number)

    def __str__(self) -> str:
        return f"PostgreSQL in a container of {IMAGE}"

    @property
    def database_url(self) -> str:
        return f"postgresql://postgres@{docker.host()}:{self._port.number}/postgres"

    def launch(self) -> None:
        self._container.start()

    def await_ready(self) -> None:
        if not reached(self.answers, seconds=START_TIMEOUT):
            _, errors = self._container.get_logs()
            raise DevstackError(
                f"{self} does not answer after {START_TIMEOUT:.0f} s:\n{errors.decode()[-2000:]}"
            )

    def close(self) -> None:
        try:
            self._container.stop()
        finally:
            self._port.release()
