"""One release of this project, as files that processes run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Release:
    """``name`` is short: processes and logs carry it. ``folder`` has ``manage.py`` and the packages."""

    name: str
    folder: Path

    @classmethod
    def here(cls, name: str = "new") -> Self:
        """This working tree."""
        return cls(name, ROOT)

    @classmethod
    def of(cls, ref: str, folder: Path, name: str = "old") -> Self:
        """A commit or tag of this repository, unpacked. Raises CalledProcessError, for example for a ref that
        does not exist.
        """
        archive = subprocess.run(
            ["git", "archive", "--format=tar", ref], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        subprocess.run(["tar", "--extract", f"--directory={folder}"], input=archive.stdout, check=True)
        return cls(name, folder)

    def command(self, *arguments: str) -> Sequence[str]:
        return [sys.executable, str(self.folder / "manage.py"), *arguments]

    @property
    def environ(self) -> Mapping[str, str]:
        """What makes also the children of its processes use its own packages."""
        return {"PYTHONPATH": str(self.folder)}

    def migrations(self) -> Mapping[str, bytes]:
        """Its migrations: path -> content."""
        found = [path for path in self.folder.rglob("migrations/0*.py") if "tests" not in path.parts]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def rewrote_migrations_of(self, old: Release) -> list[str]:
        """The migrations of the old release that are not the same any more: no database can follow that."""
        mine = self.migrations()
        return sorted(path for path, text in old.migrations().items() if mine.get(path) != text)
