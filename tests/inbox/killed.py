"""The CRM with small polls and little patience. It kills itself at the point that KILL_AT names."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from django.apps import AppConfig

from consumers.crm.settings import *  # noqa: F403
from consumers.crm.settings import INBOX, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.inbox.killed.Killed"]
INBOX = {
    **INBOX,
    "TRANSACTION_IDLE_SECONDS": 2,
    "KAFKA": {
        "OPTIONS": {
            "max_poll_records": 20,
            "session_timeout_ms": int(os.environ.get("SESSION_TIMEOUT_MS", 6_000)),
        }
    },
}


class Killed(AppConfig):
    """Kills the process when it comes to the point that KILL_AT names for the fifth time."""

    name = "tests.inbox"
    label = "killed"

    def ready(self) -> None:
        from inbox.handling.unit_of_work import UnitOfWork
        from inbox.kafka import KafkaSource

        points: dict[str, tuple[type, str, bool]] = {
            "before-commit": (UnitOfWork, "_refuse_broken", False),
            "before-offsets": (KafkaSource, "commit", False),
            "after-offsets": (KafkaSource, "commit", True),
        }
        point = os.environ.get("KILL_AT")
        if point:
            owner, name, late = points[point]
            setattr(owner, name, fatal(getattr(owner, name), late=late))


def fatal(method: Callable[..., Any], *, late: bool) -> Callable[..., Any]:
    passages = 0

    def wrapper(*arguments: Any) -> Any:
        nonlocal passages
        passages += 1
        if passages < 5:
            return method(*arguments)
        if late:
            method(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    return wrapper
