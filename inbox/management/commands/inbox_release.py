"""manage.py inbox_release: handle held events again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inbox.management.bulk import HeldCommand
from inbox.models import Instance
from inbox.operations import releasing, selected
from outbox_core.operations.bulk import Step, Tally
from outbox_core.operations.selection import Selection
from outbox_core.people.humanize import plural


class Command(HeldCommand):
    help = (
        "Have held events handled again by the running consumer, with what is held of the same keys, in the "
        "order in which it arrived. One that fails again stays held, and its key with it. "
        "May be interrupted and run again. Exit codes: 0 done, 1 failed, 2 nothing matches or is confirmed, "
        "130 interrupted."
    )
    verb, verb_done = "release", "released"

    def steps(self, selection: Selection, who: str, options: dict[str, Any]) -> Iterator[Step]:
        return releasing.release(selection, self.database(options), who)

    def outcome(self, tally: Tally, selection: Selection, options: dict[str, Any]) -> Iterator[str]:
        if tally.done:
            events = plural(tally.done, "event")
            yield f"Released {events}, with the rest of their keys; the consumer handles them in order."
        else:
            yield "They are being released already."
        yield from self._without_consumer(selection, self.database(options))

    def _without_consumer(self, selection: Selection, database: str) -> Iterator[str]:
        held = selected.held(selection, database).order_by()
        concerned = set(held.values_list("consumer", flat=True).distinct())
        alive = set(Instance.objects.using(database).alive().values_list("consumer", flat=True))
        for consumer in sorted(concerned - alive):
            yield f"They wait until a consumer is running: manage.py run_consumer {consumer}"
