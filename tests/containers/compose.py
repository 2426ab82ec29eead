"""``docker compose`` on the example, under a project name of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.containers import host

ROOT = Path(__file__).resolve().parents[2]
LASTING = {"postgres": 1, "kafka": 1, "shop": 1, "relay": 2, "crm": 1, "analytics": 1, "notifications": 1}
"""The services that stay, and how many containers each has."""


@dataclass(frozen=True, slots=True)
class Compose:
    """One project. ``environ`` has the variables of docker-compose.yml, which is in ``source``."""

    project: str
    environ: Mapping[str, str]
    source: Path = ROOT

    def __call__(self, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run one command of compose."""
        return self._docker("compose", "--project-name", self.project, *arguments, seconds=seconds)

    def given(self, **environ: str) -> Compose:
        """The same project with other variables."""
        return replace(self, environ={**self.environ, **environ})

    def docker(self, *arguments: str, seconds: float = 60) -> str:
        """What one command of docker prints."""
        done = self._docker(*arguments, seconds=seconds)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stdout

    def containers(self) -> list[dict[str, Any]]:
        """As ``docker inspect`` has them, also those that have ended."""
        found = self.docker("ps", "--all", "--quiet", "--filter", self._mine).split()
        inspected: list[dict[str, Any]] = json.loads(self.docker("inspect", *found)) if found else []
        return inspected

    def of(self, service: str) -> list[dict[str, Any]]:
        return [each for each in self.containers() if service_of(each) == service]

    def pids(self) -> set[int]:
        """The first processes of the containers that run."""
        return {each["State"]["Pid"] for each in self.containers()} - {0}

    def unhealthy(self) -> list[str]:
        """The lasting services that are not all there and healthy."""
        healthy = [service_of(each) for each in self.containers() if health(each) == "healthy"]
        return [name for name, number in LASTING.items() if healthy.count(name) < number]

    def kill(self, service: str) -> None:
        """SIGKILL the first container of a service, as the kernel would: ``docker kill`` counts as a stop."""
        host.signal("KILL", [self.of(service)[0]["State"]["Pid"]])

    def leftovers(self) -> list[str]:
        """Containers, networks and volumes of the project, and volumes without a name."""
        volumes = self.docker("volume", "ls", "--quiet", "--filter", "dangling=true").split()
        anonymous = [name for name in volumes if len(name) == 64]
        networks = self.docker("network", "ls", "--quiet", "--filter", self._mine).split()
        mine = self.docker("volume", "ls", "--quiet", "--filter", self._mine).split()
        return [*(each["Name"] for each in self.containers()), *networks, *mine, *anonymous]

    @property
    def _mine(self) -> str:
        return f"label=com.docker.compose.project={self.project}"

    def _docker(self, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *arguments],
            cwd=self.source,
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


def service_of(container: Mapping[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def health(container: Mapping[str, Any]) -> str:
    return str(container["State"].get("Health", {}).get("Status", ""))
