"""The demo's child processes: named, logged, watched, and stopped with the demo."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.child import ROOT, Child
from demo.errors import CommandFailed, ProcessEnded

MANAGE = [sys.executable, str(ROOT / "manage.py")]
SHOP = "shop.settings"
STOP_SECONDS = 10.0


@dataclass(slots=True)
class Processes:
    """All children of one demo. Leaving the context stops them, whatever happened."""

    logs: Path
    environ: Mapping[str, str]
    running: dict[str, Child] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str, command: Sequence[str], *, lasting: bool, **environ: str) -> Child:
        """Start a process; a ``lasting`` one is expected to run until it is stopped."""
        log = self.logs / f"{name}.log"
        self.running[name] = Child(name, command, {**self.environ, **environ}, log, lasting=lasting)
        return self.running[name]

    def serve(self, name: str, *arguments: str, settings: str = SHOP) -> Child:
        """Start a ``manage.py`` command that runs until it is stopped."""
        return self.start(name, [*MANAGE, *arguments], lasting=True, DJANGO_SETTINGS_MODULE=settings)

    def run(self, name: str, *arguments: str, settings: str = SHOP) -> Child:
        """Start a ``manage.py`` command that ends when it is done: see ``finished``."""
        return self.start(name, [*MANAGE, *arguments], lasting=False, DJANGO_SETTINGS_MODULE=settings)

    def again(self, child: Child) -> Child:
        """Start an ended process again. It appends to its log."""
        child.await_end()
        self.running[child.name] = Child(
            child.name, child.command, child.environ, child.log, lasting=child.lasting
        )
        return self.running[child.name]

    def ended(self) -> list[Child]:
        """The lasting ones that have ended."""
        return [child for child in self.running.values() if child.lasting and child.exit_code is not None]

    def check(self) -> None:
        """Raise ProcessEnded if a lasting one has ended."""
        for child in self.ended():
            raise ProcessEnded(f"{child.name} ended on its own {child.fate()}")

    def finished(self, child: Child) -> bool:
        """Whether a command has done its work. Raises CommandFailed if it failed."""
        if child.exit_code is None:
            return False
        self.running.pop(child.name, None)
        if child.await_end() != 0:
            raise CommandFailed(f"{child.name} failed {child.fate()}")
        return True

    def forget_if_done(self, name: str) -> bool:
        """Whether a lasting process has ended with exit code 0, all its work done; it is forgotten then."""
        child = self.running.get(name)
        if child is None or child.exit_code != 0:
            return False
        child.await_end()
        del self.running[name]
        return True

    def kill(self, child: Child) -> None:
        """SIGKILL a child on purpose: ``check`` does not miss it."""
        del self.running[child.name]
        child.kill()

    def stop_all(self) -> None:
        """Ask all of them to stop at once, then make those that have not."""
        for child in self.running.values():
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.running.values():
            try:
                child.await_end(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
        self.running.clear()
