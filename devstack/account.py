"""The user that PostgreSQL runs as: it refuses to be root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.errors import DevstackError


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user."""

    name: str
    uid: int
    gid: int

    def identity(self) -> dict[str, Any]:
        """As keyword arguments of ``subprocess``."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_run(self, program: Path) -> bool:
        """Whether this user reaches and may execute ``program``, found out by doing it."""
        return self._succeeds([program, "--version"])

    def can_enter(self, folder: Path) -> bool:
        return self._succeeds(["/bin/sh", "-c", 'cd "$0"', folder])

    def _succeeds(self, command: Sequence[str | Path]) -> bool:
        try:
            run = subprocess.run(command, capture_output=True, check=False, cwd="/", **self.identity())
        except OSError:
            return False
        return run.returncode == 0


def unprivileged() -> Account | None:
    """Who to run PostgreSQL as: None (ourselves) unless we are root, then ``postgres`` or ``nobody``."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise DevstackError(
        "PostgreSQL refuses to run as root and this machine has neither a user 'postgres' nor 'nobody': "
        "create one (useradd --system postgres), run this as another user, or set DATABASE_URL"
    )
