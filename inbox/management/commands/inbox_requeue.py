from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from inbox.management.command import InboxCommand
from inbox.models import Instance
from inbox.selection import add_selection, selected


class Command(InboxCommand):
    """Have parked events handled again."""

    help = (
        "Has parked events handled again by the running consumer, with what is parked of the same keys and "
        "in the order in which it arrived. One that fails again stays parked, and its key with it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_selection(parser)

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        chosen = selected(options)
        if dry_run:
            for parked in chosen.with_their_keys():
                why = parked.error or "waits behind its key"
                self.stdout.write(
                    f"{parked.consumer} {parked.topic} {parked.key} {parked.type} {parked.event_id}: {why}"
                )
            self.stdout.write(f"{chosen.with_their_keys().count()} would be requeued")
            return
        consumers = set(chosen.order_by().values_list("consumer", flat=True).distinct())
        self.stdout.write(f"{chosen.requeue()} requeued")
        alive = Instance.objects.using(chosen.db).alive().values_list("consumer", flat=True)
        for consumer in sorted(consumers - set(alive)):
            self.stdout.write(f"they wait until a consumer is running: manage.py run_consumer {consumer}")
