"""The base images: from a registry, or built on this machine by deploy/containers/bases.sh."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.containers.compose import ROOT, Compose

PULL_SECONDS = 120
FOR_COMPOSE = ("PYTHON_IMAGE", "POSTGRES_IMAGE", "KAFKA_IMAGE", "BUILD_NETWORK", "PIP_INDEX_URL")


class NoImages(Exception):
    """There are none; the text says why."""


def variables() -> dict[str, str]:
    """What docker-compose.yml takes, with a free port for the shop. Raises NoImages."""
    given = {name: os.environ[name] for name in FOR_COMPOSE if name in os.environ}
    return {**(given or _bases()), "SHOP_PORT": str(_free_port())}


def seconds_after_an_edit(compose: Compose) -> float:
    """How long it takes to build the image, once it has been built, with one module changed."""
    edited = "django-outbox-relay:edited"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__"))
        with (source / "relay/__init__.py").open("a", encoding="utf-8") as module:
            module.write(f"\nEDITED = {time.time()}\n")
        began = time.monotonic()
        built = replace(compose.given(IMAGE=edited), source=source)("build")
        seconds = time.monotonic() - began
    assert built.returncode == 0, built.stderr[-4000:]
    compose.docker("rmi", edited)
    return seconds


def _bases() -> dict[str, str]:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (python,) = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", dockerfile, re.MULTILINE)
    pull = ["docker", "pull", "--quiet", python]
    if subprocess.run(pull, capture_output=True, timeout=PULL_SECONDS, check=False).returncode == 0:
        return {}
    print(f"{python} cannot be pulled: building the base images here")
    script = [str(ROOT / "deploy/containers/bases.sh")]
    environ = {**os.environ, "PYTHON": sys.executable}
    built = subprocess.run(script, stdout=subprocess.PIPE, text=True, env=environ, check=False)
    if built.returncode:
        raise NoImages("the base images could not be built: see above")
    return dict(line.removeprefix("export ").split("=", 1) for line in built.stdout.splitlines())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
