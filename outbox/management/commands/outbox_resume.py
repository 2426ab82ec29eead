from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Model

from outbox import verbs
from outbox.management.operator import OperatorCommand


class Command(OperatorCommand):
    help = "End outbox_pause: what was set aside is published in order, and then the topic goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("topic", metavar="TOPIC", help="as Kafka knows it, with OUTBOX['TOPIC_PREFIX']")

    def act(self, database: str, **options: Any) -> Iterable[tuple[Model, str]]:
        yield verbs.resume(options["topic"], database)
