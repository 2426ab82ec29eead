"""A file whose age says how long ago a loop last made progress; ``python -m outbox_core.probe`` reads it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from outbox_core.errors import LivenessFileUnusable

TOUCH_EVERY_SECONDS = 1.0
_OURS = re.compile(rb"[^\n]*\(pid \d+\)\n|")


class Liveness:
    """The liveness file of this process, while the context is active. It is locked: if two processes shared a
    file, the end of one would not be seen.

    Raises:
        LivenessFileUnusable: on entering.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._text = f"{name} (pid {os.getpid()})\n"
        self._touch_at = 0.0
        self._file = -1

    def __enter__(self) -> Self:
        try:
            self._open()
        except BlockingIOError as error:
            raise LivenessFileUnusable(
                f"The liveness file {str(self._path)!r} belongs to another live process: give each "
                "process a file of its own."
            ) from error
        except OSError as error:
            raise LivenessFileUnusable(
                f"The liveness file {str(self._path)!r} cannot be written: {error.strerror}."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            if self._is_ours():
                self._path.unlink()
        os.close(self._file)

    def touch(self) -> None:
        """The loop makes progress. Cheap: it writes once a second at most. Raises nothing: a file that cannot
        be touched gets old, and the probe reports that.
        """
        now = time.monotonic()
        if now < self._touch_at:
            return
        self._touch_at = now + TOUCH_EVERY_SECONDS
        try:
            if not self._is_ours():
                self._open()
            os.utime(self._file)
        except OSError:
            return

    def _open(self) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._claim(file)
        except BaseException:
            os.close(file)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = file

    def _claim(self, file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _OURS.fullmatch(os.pread(file, 200, 0)):
            raise FileExistsError(errno.EEXIST, "it exists and is not a liveness file")
        os.ftruncate(file, 0)
        os.pwrite(file, self._text.encode(), 0)

    def _is_ours(self) -> bool:
        """False if another program, such as a cleaner of temporary files, removed or replaced it."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False
