"""Removes the containers and networks of a label. The reaper runs it as a program of its own."""

from __future__ import annotations

import sys

import docker  # type: ignore[import-untyped]

TIMEOUT = 30


def remove(label: str) -> None:
    """What an engine has of ``name=value``, running or not."""
    client = docker.from_env(timeout=TIMEOUT)
    for container in client.containers.list(all=True, filters={"label": label}):
        container.remove(force=True, v=True)
    for network in client.networks.list(filters={"label": label}):
        network.remove()


if __name__ == "__main__":
    remove(sys.argv[1])
