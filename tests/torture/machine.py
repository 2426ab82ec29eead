"""The machine under PostgreSQL: a disk that can be filled, and a clock that can be set wrong."""

from __future__ import annotations

import stat
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from devstack.errors import DevstackError
from devstack.postgres import Cluster

DISK_MEGABYTES = 800
PIECE = bytes(1 << 16)
FAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
)


class Disk:
    """A file system of its own in a folder. Raises DevstackError where this process may not mount one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        owner = folder.stat()
        access = f"mode={stat.S_IMODE(owner.st_mode):o},uid={owner.st_uid},gid={owner.st_gid}"
        _run("mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,{access}", "torture", str(folder))
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(PIECE):
                pass

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        _run("umount", "--lazy", str(self.folder))


class Clock:
    """The time of day that a program sees whose command begins with ``prefix``, by libfaketime.

    Raises DevstackError where that is not installed.
    """

    def __init__(self, folder: Path) -> None:
        library = next((path for path in FAKETIME if Path(path).exists()), None)
        if library is None:
            raise DevstackError("libfaketime is not installed: apt-get install faketime")
        self._offset = folder / "offset"
        self.prefix = [
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={self._offset}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]
        self.set(0)

    def set(self, seconds: float) -> None:
        """So far ahead of the right time, or behind it."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(f"{seconds:+f}\n")
        fresh.chmod(0o644)
        fresh.replace(self._offset)


class Machine(Cluster):
    """A PostgreSQL server whose disk can be filled and whose clock can be set, as far as ``missing`` does not
    say why it cannot.
    """

    def __init__(self, *, config: Mapping[str, str] | None = None) -> None:
        super().__init__(config=config)
        self.missing: dict[str, str] = {}
        self.disk: Disk | None = None
        self.clock: Clock | None = None
        try:
            self.disk = Disk(self.folder)
        except DevstackError as reason:
            self.missing["disk"] = str(reason)
        try:
            self.clock = Clock(self.folder)
        except DevstackError as reason:
            self.missing["clock"] = str(reason)

    def outlast(self, timeout: float) -> None:
        """Return once it answers, started again if need be."""
        deadline = time.monotonic() + timeout
        while not self.answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not answer after {timeout:.0f} s")
            if not self.is_running:
                self.launch()
            time.sleep(0.1)

    def _command(self) -> list[str]:
        return [*(self.clock.prefix if self.clock else ()), *super()._command()]

    def close(self) -> None:
        if self.is_running:
            self.stop("immediate")
        if self.disk is not None:
            self.disk.close()
        super().close()


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DevstackError(f"{command[0]}: {getattr(error, 'stderr', None) or error}".strip()) from error
