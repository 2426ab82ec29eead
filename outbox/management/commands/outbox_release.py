from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from outbox import verbs
from outbox.management.operator import OperatorCommand
from outbox.models import Hold


class Command(OperatorCommand):
    help = (
        "Publish the events that wait behind holds, in order, and lift the holds. outbox_status lists them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("holds", metavar="HOLD", nargs="*", type=int, help="ids of holds")
        parser.add_argument("--topic", help="the holds of this topic, of its keys and of its events")
        reasons = [reason for reason in Hold.Reason.values if reason != Hold.Reason.PAUSED]
        parser.add_argument("--reason", choices=reasons, help="the holds for this reason")

    def act(self, database: str, **options: Any) -> Iterable[tuple[Model, str]]:
        ids, topic, reason = options["holds"], options["topic"], options["reason"]
        if not (ids or topic or reason):
            raise CommandError(
                "Which holds? Give their ids, or --topic, or --reason. outbox_status lists them."
            )
        holds = Hold.objects.using(database).all()
        if ids:
            self._require(holds.filter(pk__in=ids).values_list("pk", flat=True), ids)
            holds = holds.filter(pk__in=ids)
        else:
            holds = holds.exclude(reason=Hold.Reason.PAUSED)
        holds = holds.filter(topic=topic) if topic else holds
        holds = holds.filter(reason=reason) if reason else holds
        deeds = verbs.release(holds)
        if not deeds:
            raise CommandError("No hold is like that. outbox_status lists the holds there are.")
        return deeds

    def _require(self, there: Iterable[int], ids: Iterable[int]) -> None:
        missing = sorted(set(ids) - set(there))
        if missing:
            raise CommandError(f"There is no hold {missing[0]}. outbox_status lists the holds there are.")
