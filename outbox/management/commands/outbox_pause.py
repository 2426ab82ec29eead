"""manage.py outbox_pause: hold the events of a topic."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from outbox.management.operator import ActionCommand, topic_name
from outbox.operations import pausing


class Command(ActionCommand):
    help = (
        "Stop publishing to a topic: its events are held, in order, until outbox_resume. "
        "Exit codes: 0 done, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "topic", type=topic_name, metavar="TOPIC", help="as Kafka knows it, with OUTBOX['TOPIC_PREFIX']"
        )
        parser.add_argument("--detail", default="", help="why; shown on the status page")
        parser.add_argument(
            "--any-topic", action="store_true", help="also a topic that no registered event type has"
        )

    def act(self, database: str, who: str, **options: Any) -> str:
        topic, detail = options["topic"], options["detail"]
        return pausing.pause(topic, database, detail, who=who, any_topic=options["any_topic"])
