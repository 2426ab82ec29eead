"""manage.py inbox_pause: have a consumer, or one topic of it, handle nothing for now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from inbox.management.pausing import PauseCommand
from inbox.operations import pausing


class Command(PauseCommand):
    help = (
        "Stop handling the events of a consumer, or of one of its topics: they wait in Kafka, in order, "
        "until inbox_resume. Its processes finish the batch in hand. Kafka deletes what is older than the "
        "retention of the topic. Exit codes: 0 done, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--detail", default="", help="why; shown on the status page")

    def act(self, database: str, who: str, **options: Any) -> str:
        return pausing.pause(options["name"], options["topic"], database, options["detail"], who)
