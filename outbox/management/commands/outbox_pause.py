from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Model

from outbox import verbs
from outbox.management.operator import OperatorCommand


class Command(OperatorCommand):
    help = "Stop publishing to a topic: its events are set aside, in order, until outbox_resume."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("topic", metavar="TOPIC", help="as Kafka knows it, with OUTBOX['TOPIC_PREFIX']")
        parser.add_argument("--detail", default="", help="why; shown on the status page")
        parser.add_argument(
            "--any-topic", action="store_true", help="also a topic that no registered event type has"
        )

    def act(self, database: str, **options: Any) -> Iterable[tuple[Model, str]]:
        yield verbs.pause(options["topic"], database, options["detail"], any_topic=options["any_topic"])
