"""manage.py inbox_resume: end a pause and handle the events that waited."""

from __future__ import annotations

from typing import Any

from inbox.management.pausing import PauseCommand
from inbox.operations import pausing


class Command(PauseCommand):
    help = (
        "End inbox_pause: the events that waited in Kafka are handled in order. "
        "Exit codes: 0 done, 1 failed, 2 usage."
    )

    def act(self, database: str, who: str, **options: Any) -> str:
        return pausing.resume(options["name"], options["topic"], database, who)
