"""The Docker engine, if one answers, through testcontainers."""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from devstack import reaping
from devstack.console import announce
from devstack.errors import Unavailable

PING_TIMEOUT = 3
REMNANTS = Path(__file__).with_name("remnants.py")


def container(image: str, **options: Any) -> Any:
    """A testcontainers container of ``image``, pulled if need be; Unavailable without engine or image."""
    _ask_engine()
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    _pull(image)
    testcontainers_config.ryuk_disabled = True  # our own reaper needs no image and no access to the engine
    return DockerContainer(image).with_kwargs(labels=_label(), **options)


def network() -> Any:
    """A testcontainers network, to be created."""
    from testcontainers.core.network import Network

    return Network(docker_network_kw={"labels": _label()})


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
def _label() -> dict[str, str]:
    """The label of what this process starts. Whatever ends the process, the reaper removes what has it."""
    name, value = "devstack", secrets.token_hex(8)
    reaping.run_at_end([sys.executable, "-I", str(REMNANTS), f"{name}={value}"])
    return {name: value}
