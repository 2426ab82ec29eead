"""manage.py outbox_resume: end a pause and publish the events that waited."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from outbox.management.operator import ActionCommand
from outbox.operations import pausing


class Command(ActionCommand):
    help = (
        "End outbox_pause: what was held is published in order, then new events. "
        "Exit codes: 0 done, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("topic", metavar="TOPIC", help="as Kafka knows it, with OUTBOX['TOPIC_PREFIX']")

    def act(self, database: str, who: str, **options: Any) -> str:
        return pausing.resume(options["topic"], database, who=who)
