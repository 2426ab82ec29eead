from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from outbox import verbs
from outbox.management.operator import OperatorCommand
from outbox.models import EventStatus, Held, OutboxEvent


class Command(OperatorCommand):
    help = "Give up one held event: it is never published. Other events of its hold stay where they are."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("event", metavar="EVENT_ID", type=UUID, help="the id of the event, as in ce_id")
        parser.add_argument("--reason", required=True, help="why; it stays with the event")

    def act(self, database: str, **options: Any) -> Iterable[tuple[Model, str]]:
        event_id = options["event"]
        held = Held.objects.using(database).waiting().select_related("hold", "event")
        found = held.filter(event__event_id=event_id).first()
        if found is None:
            raise CommandError(self._why_not(database, event_id))
        return [verbs.discard(found, options["reason"])]

    def _why_not(self, database: str, event_id: UUID) -> str:
        event = OutboxEvent.objects.using(database).with_status().filter(event_id=event_id).first()
        if event is None:
            return f"There is no event {event_id} in the outbox of database {database!r}."
        remedy = f" Pause topic {event.topic} first." if event.status == EventStatus.PENDING else ""
        return f"Event {event_id} is {event.status}, and only a held one can be discarded.{remedy}"
