"""The CRM with small polls and little patience. It kills itself at the point that KILL_AT names."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from django.apps import AppConfig

from consumers.crm.settings import *  # noqa: F403
from consumers.crm.settings import INBOX, INSTALLED_APPS
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON

INSTALLED_APPS = [*INSTALLED_APPS, "tests.inbox.killed.Killed"]
CLIENT = os.environ.get("READS_WITH", KAFKA_PYTHON)
RECORDS = 20
SESSION_MS = int(os.environ.get("SESSION_TIMEOUT_MS", 6_000))
INBOX = {
    **INBOX,
    "TRANSACTION_IDLE_SECONDS": 2,
    "KAFKA": {
        "BACKEND": CLIENT,
        "OPTIONS": {
            **({"max_poll_records": RECORDS} if CLIENT == KAFKA_PYTHON else {}),
            "session_timeout_ms": SESSION_MS,
            "max_poll_interval_ms": max(SESSION_MS, 30_000),
        },
    },
}


class Killed(AppConfig):
    """Kills the process when it comes to the point that KILL_AT names for the fifth time; a person moves it
    seldom, so there it is the first time.
    """

    name = "tests.inbox"
    label = "killed"

    def ready(self) -> None:
        from inbox.handling.unit_of_work import UnitOfWork
        from inbox.kafka import KafkaSource

        if CLIENT == CONFLUENT:
            from inbox.kafka.confluent import reader

            reader.MOST = RECORDS
        points: dict[str, tuple[type, str, bool]] = {
            "before-commit": (UnitOfWork, "_refuse_broken", False),
            "before-offsets": (KafkaSource, "commit", False),
            "after-offsets": (KafkaSource, "commit", True),
            "before-move": (KafkaSource, "move", False),
            "after-move": (KafkaSource, "move", True),
        }
        point = os.environ.get("KILL_AT")
        if point:
            owner, name, late = points[point]
            first = 1 if name == "move" else 5
            setattr(owner, name, fatal(getattr(owner, name), late=late, first=first))


def fatal(method: Callable[..., Any], *, late: bool, first: int) -> Callable[..., Any]:
    passages = 0

    def wrapper(*arguments: Any) -> Any:
        nonlocal passages
        passages += 1
        if passages < first:
            return method(*arguments)
        if late:
            method(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    return wrapper
