"""What a writer process shares with its command. Imports no models: Django is not set up here yet."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import django
from django.conf import settings

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

CONTEXT = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Shared:
    written: Synchronized[int]
    stop: Event

    @classmethod
    def new(cls) -> Shared:
        return cls(CONTEXT.Value("i", 0), CONTEXT.Event())

    def count(self) -> bool:
        """Count one more purchase. Returns whether to continue."""
        with self.written.get_lock():
            self.written.value += 1
        parent = multiprocessing.parent_process()
        orphaned = parent is not None and parent.pid != os.getppid()
        return not (orphaned or self.stop.is_set())


shared: Shared


def start(database: str, mine: Shared) -> None:
    """Set Django up in a new process, on the command's own database. Only the command handles Ctrl-C."""
    global shared
    shared = mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
