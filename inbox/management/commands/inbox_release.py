"""manage.py inbox_release: handle held events again."""

from __future__ import annotations

from collections.abc import Iterator

from inbox.management.bulk import HeldCommand
from inbox.models import Instance
from inbox.operations import selected
from inbox.operations.bulk import RELEASE
from outbox_core.operations.bulk.verb import Order


class Command(HeldCommand):
    help = (
        "Have held events handled again by the running consumer, with what is held of the same keys, in the "
        "order in which it arrived. One that fails again stays held, and its key with it. "
        "If it is interrupted, inbox_operations continues it. Exit codes: 0 done, 1 failed, 2 nothing "
        "matches or is confirmed, 130 interrupted."
    )
    verb = RELEASE

    def after(self, order: Order, using: str) -> Iterator[str]:
        """What is released waits for a consumer."""
        held = selected.held(order.selection, using).order_by()
        concerned = set(held.values_list("consumer", flat=True).distinct())
        alive = set(Instance.objects.using(using).alive().values_list("consumer", flat=True))
        for consumer in sorted(concerned - alive):
            yield f"They wait until a consumer is running: manage.py run_consumer {consumer}"
