"""The Docker engine, if one answers, through testcontainers."""

from __future__ import annotations

import importlib.util
import os
import socket
from contextlib import closing
from functools import cache
from typing import Any

from devstack.console import announce
from devstack.errors import Unavailable

PING_TIMEOUT = 3


def container(image: str) -> Any:
    """A testcontainers container of ``image``, pulled if need be; Unavailable without engine or image."""
    _ask_engine()
    from testcontainers.core.container import DockerContainer

    _pull(image)
    _reaper_or_none()
    return DockerContainer(image)


def network() -> Any:
    """A testcontainers network, to be created."""
    from testcontainers.core.network import Network

    return Network()


def host() -> str:
    """Where the engine's published ports are reached."""
    from testcontainers.core.docker_client import DockerClient

    return str(DockerClient().host())


def publish(container: Any, inside: int, outside: int) -> None:
    """Publish a port, on loopback alone where the engine is local: nothing here asks for a password."""
    container.ports[str(inside)] = ("127.0.0.1", outside) if host() == "localhost" else outside


@cache
def _client() -> Any:
    import docker  # type: ignore[import-untyped]

    return docker.from_env(timeout=PING_TIMEOUT)


def _ask_engine() -> None:
    if not all(importlib.util.find_spec(module) for module in ("docker", "testcontainers")):
        raise Unavailable("testcontainers is not installed")
    from docker.errors import DockerException  # type: ignore[import-untyped]

    try:
        _knock(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
        _client().ping()
    except (DockerException, OSError) as error:
        raise Unavailable("no Docker engine answers") from error


def _knock(url: str) -> None:
    """Raise OSError unless something listens on the engine's socket: its client leaves a refused one open."""
    if url.startswith("unix://"):
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            probe.connect(url.removeprefix("unix://"))


def _pull(image: str) -> None:
    import docker
    from docker.errors import DockerException, ImageNotFound

    try:
        try:
            _client().images.get(image)
        except ImageNotFound:
            announce(f"pulling the image {image}")
            docker.from_env().images.pull(image)
    except DockerException as error:
        raise Unavailable(f"the image {image} cannot be pulled\n    {error}") from error


@cache
def _reaper_or_none() -> None:
    """Have testcontainers' own reaper, which removes what a killed process leaves, if its image is had."""
    from testcontainers.core.config import testcontainers_config

    if testcontainers_config.ryuk_disabled:
        return
    try:
        _pull(testcontainers_config.ryuk_image)
    except Unavailable:
        announce(
            "testcontainers' reaper is missing: if this process is killed, remove its containers by hand"
        )
        testcontainers_config.ryuk_disabled = True
