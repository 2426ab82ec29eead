"""A relay that is a Python package on PyPI: its own environment, its own table, its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack import cache
from devstack.console import announce


@dataclass(frozen=True)
class Package:
    """How it is installed, set up, and given a backlog.

    ``sender`` is a script beside this one. It gets DATABASE_URL, BOOTSTRAP_SERVERS, the settings as JSON, and
    the topic; without a topic, it makes the table.
    """

    name: str
    version: str
    needs: tuple[str, ...]
    sender: str
    order: str
    settings: Mapping[str, Any]
    table: str
    fill: str
    """Writes ``%(events)s`` rows for ``%(topic)s``, with ``%(keys)s`` keys and the payload of ours."""

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.order})"

    @contextmanager
    def sending(self, database_url: str, bootstrap_servers: str, topic: str) -> Iterator[int]:
        """Its relay for the length of a block; the pid."""
        process = subprocess.Popen(self._command(database_url, bootstrap_servers, topic))
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)

    def make_table(self, database_url: str, bootstrap_servers: str) -> None:
        """Raises CalledProcessError without a package index."""
        subprocess.run(self._command(database_url, bootstrap_servers), check=True)

    def _command(self, *arguments: str) -> list[str]:
        script = str(Path(__file__).with_name(self.sender))
        database_url, bootstrap_servers, *topic = arguments
        settings = json.dumps(self.settings)
        return [str(self._python()), "-P", script, database_url, bootstrap_servers, settings, *topic]

    def _python(self) -> Path:
        """Of the environment, which is made once."""
        place = (
            cache.folder() / f"{self.name}-{self.version}-python-{sys.version_info[0]}.{sys.version_info[1]}"
        )
        return cache.kept(place, self._install) / "bin" / "python"

    def _install(self, target: Path) -> None:
        announce(f"installing {' '.join(self.needs)} (once, kept in {target.parent})")
        subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
        subprocess.run([target / "bin" / "python", "-m", "pip", "install", "-q", *self.needs], check=True)
