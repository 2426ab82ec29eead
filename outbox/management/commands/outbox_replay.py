"""manage.py outbox_replay: have the relays send published events again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from outbox.errors import OutboxError
from outbox.management.operator import OutboxCommand
from outbox.models import Hold, OutboxEvent
from outbox.operations import replaying
from outbox.operations.replaying import Replay
from outbox.write.uuid7 import uuid7
from outbox_core.operations.bulk import CHUNK, Step, Tally
from outbox_core.operations.bulk_command import COUNT_UP_TO, LINES, BulkCommand, Preview, tell
from outbox_core.operations.selection import Selection
from outbox_core.people.humanize import plural
from outbox_core.process.arguments import amount, moment

LOOK_SECONDS = 0.2
QUIET_SECONDS = 10.0
"""It waits for the relays so long before it says so."""


class Command(BulkCommand, OutboxCommand):
    help = (
        "Send published events again, in order for each key, with the same ids and the header ce_replay. "
        "The relays send them. Consumers skip them, unless a handler has replays=True or the consumer runs "
        "with --apply-replays. Only events that the outbox still has can be sent again. "
        "Exit codes: 0 done, 1 failed, 2 nothing matches or is confirmed, 130 interrupted."
    )
    verb, verb_done = "replay", "handed over"
    _continue = ""
    nothing_matches = "No published event matches. The outbox keeps them until outbox_prune deletes them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ids", nargs="*", metavar="EVENT_ID", type=UUID, help="ids of events (ce_id)")
        parser.add_argument("--topic", help="of this topic, as Kafka knows it")
        parser.add_argument("--key", help="of this key")
        parser.add_argument("--type", help="of this event type")
        parser.add_argument(
            "--since", type=moment, metavar="TIME", help="created then or later: 2026-01-31T12:00Z"
        )
        parser.add_argument("--until", type=moment, metavar="TIME", help="created before that time")
        parser.add_argument("--all", action="store_true", help="all published events")
        parser.add_argument("--to", metavar="TOPIC", help="send them to this topic instead of their own")
        parser.add_argument(
            "--rate", type=amount, metavar="EVENTS", help="at most so many a second (default: no limit)"
        )
        parser.add_argument(
            "--id", default="", help="the id of the replay, to continue one (default: a new one)"
        )
        parser.add_argument(
            "--after",
            type=int,
            default=0,
            metavar="SEQUENCE",
            help="only events behind this ce_sequence, to continue a replay",
        )
        parser.add_argument("--reason", default="", help="why; it is kept in the ledger")
        parser.add_argument(
            "--dry-run", action="store_true", help="print how many, and the first ones, and do nothing"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation at a terminal")
        parser.add_argument(
            "--user", metavar="USERNAME", help="record it in the ledger as done for this user"
        )

    def select(self, options: dict[str, Any]) -> Replay:
        if options["rate"] is not None and options["rate"] <= 0:
            raise CommandError(f"--rate {options['rate']:g}: give more than 0.", returncode=2)
        named = ("topic", "key", "type", "since", "until", "to", "after")
        given = {name: options[name] for name in named}
        if not (options["ids"] or options["all"] or any(given[name] for name in named[:5])):
            raise CommandError(
                "Say which: ids, --topic, --key, --type, --since, --until, or --all.", returncode=2
            )
        last = OutboxEvent.objects.using(options["database"]).last_id()
        return Replay(ids=tuple(options["ids"]), id=options["id"] or uuid7().hex, last=last, **given)

    def preview(self, selection: Selection, options: dict[str, Any]) -> Preview:
        assert isinstance(selection, Replay)
        events = selection.events(options["database"])
        if (own := events.filter(headers__has_key="replay").first()) is not None:
            replaying.refuse_own(own)
        self._refuse_running(selection, options["database"])
        first = events.only("event_id", "type", "key", "topic")[:LINES]
        return Preview(
            count=events.order_by()[: COUNT_UP_TO + 1].count(),
            noun="event",
            lines=[f"Event {each.event_id} ({each.type}), key {each.key} of {each.topic}" for each in first],
        )

    def steps(self, selection: Selection, who: str, options: dict[str, Any]) -> Iterator[Step]:
        assert isinstance(selection, Replay)
        self._continue = f"--id {selection.id} --after {selection.after}"
        try:
            yield from self._paced(selection, who, options)
        except (OutboxError, DatabaseError, InterfaceError):
            tell(
                self.stderr, f"What was handed over is sent all the same. To continue, add {self._continue}."
            )
            raise

    def _paced(self, selection: Replay, who: str, options: dict[str, Any]) -> Iterator[Step]:
        rate, database = options["rate"], options["database"]
        size = CHUNK if rate is None else max(1, min(CHUNK, int(rate)))
        began, done = time.monotonic(), 0
        for step in replaying.replay(selection, database, who, options["reason"], size=size):
            yield step
            self._continue = f"--id {selection.id} --after {step.after}"
            done += step.done
            if rate is not None and step.after is not None:
                time.sleep(max(0.0, began + done / rate - time.monotonic()))
                self._follow(selection, database, size)

    def outcome(self, tally: Tally, selection: Selection, options: dict[str, Any]) -> Iterator[str]:
        assert isinstance(selection, Replay)
        yield f"Replay {selection.id}: the relays send {plural(tally.done, 'event')} again."
        if tally.skipped:
            yield f"Not sent: {plural(tally.skipped, 'event')} that are held, or wait in another replay."

    def interrupted(self, tally: Tally) -> str:
        return f"Stopped: {self.verb_done} {tally.done:,} so far. To continue, add {self._continue}."

    def _follow(self, selection: Replay, database: str, size: int) -> None:
        """Hand over no more while relays are behind, so that the rate is theirs, too."""
        began, told = time.monotonic(), False
        while (count := replaying.waiting(selection, database)) > size:
            if not told and time.monotonic() - began >= QUIET_SECONDS:
                told = True
                tell(
                    self.stderr,
                    f"Waiting until the relays have sent {plural(count, 'event')}. If this does not end, run "
                    "outbox_status: perhaps no relay runs, or Kafka has refused a record.",
                )
            time.sleep(LOOK_SECONDS)

    def _refuse_running(self, selection: Replay, database: str) -> None:
        hold = Hold.objects.using(database).filter(scope=Hold.Scope.REPLAY, key=selection.id).first()
        if hold is not None and replaying.waiting(selection, database):
            raise OutboxError(
                f"{hold} is not over. Wait until outbox_status no longer shows it. If it is held, release it "
                "(outbox_release) or end it (outbox_discard)."
            )
