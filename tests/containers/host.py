"""What only root may do to the processes of containers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection
from pathlib import Path


def as_root(*command: str) -> None:
    """Run it, with sudo where this is not root."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    subprocess.run([*sudo, *command], check=True, timeout=120)


def signal(name: str, pids: Collection[int]) -> None:
    """Send a signal to those that still run."""
    alive = [str(pid) for pid in pids if Path(f"/proc/{pid}").exists()]
    if alive:
        as_root("kill", f"-{name}", *alive)


def children(pid: int) -> list[int]:
    """Of the init of a container: what it runs."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
