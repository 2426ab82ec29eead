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


def cpu_seconds(pid: int) -> float:
    """What the container of a process has used since its start, with all that has ended in it."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        v1 = Path(f"/sys/fs/cgroup/cpuacct{path}/cpuacct.usage")
        v2 = Path(f"/sys/fs/cgroup{path}/cpu.stat")
        if "cpuacct" in controllers.split(",") and v1.exists():
            return int(v1.read_text()) / 1e9
        if not controllers and v2.exists():
            return int(v2.read_text().split()[1]) / 1e6  # its first line is usage_usec
    raise FileNotFoundError(f"Process {pid} has no control group that counts its CPU time.")


def children(pid: int) -> list[int]:
    """Of the init of a container: what it runs."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
