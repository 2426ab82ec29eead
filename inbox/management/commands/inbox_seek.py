"""manage.py inbox_seek: move a consumer to another place in its topics."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from inbox.errors import NoSuchPlace, SourceUnavailable, UnknownConsumer
from inbox.management.bulk import InboxFollowing
from inbox.operations import seeking
from inbox.operations.places import BEGINNING, END, Place, Plan, plan
from outbox_core.operations import actor
from outbox_core.process.exit_codes import ExitCode

REFUSED, USAGE = ExitCode.ERROR, ExitCode.USAGE


class Command(InboxFollowing):
    """Move a consumer to another offset of a topic."""

    help = (
        "Move a consumer to another offset of a topic, in its database and in Kafka's copy. While it runs, "
        "its processes move the partitions that they read, with their next heartbeat. Forward: the events in "
        "between are never handled. Backward: they are delivered again, and those that were handled are "
        "skipped. To repeat their effects, have the producer send them again: outbox_replay. "
        "If it is interrupted, inbox_operations continues it. Exit codes: 0 done, 1 refused (another request "
        "is open, or Kafka or the database does not answer), 2 usage, 130 interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="consumer", help="one of INBOX['CONSUMERS']")
        parser.add_argument("--topic", required=True, help="one of its topics, with the prefix")
        parser.add_argument("--partition", type=int, help="only this one (default: all of the topic)")
        places = parser.add_mutually_exclusive_group(required=True)
        places.add_argument("--to-offset", type=int, metavar="N", help="offset N is handled next")
        places.add_argument(
            "--to-time", metavar="ISO", help="the first record that Kafka received at that time or later"
        )
        places.add_argument("--to-beginning", action="store_true", help="the first record that Kafka has")
        places.add_argument("--to-end", action="store_true", help="only records that are written from now on")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
        parser.add_argument("--reason", default="", help="why; it is kept in the ledger")
        parser.add_argument("--yes", action="store_true", help="do not ask before events are skipped")
        parser.add_argument(
            "--user", metavar="USERNAME", help="record it in the ledger as done for this user"
        )

    def handle(self, *, name: str, topic: str, **options: Any) -> None:
        using, who = self.using(options), actor.of_command(options["user"])
        try:
            found = plan(name, topic, options["partition"], _place(options), using)
        except (NoSuchPlace, UnknownConsumer) as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except SourceUnavailable as error:
            raise CommandError(f"Kafka: {error}", returncode=REFUSED) from error
        for move in found.moves:
            self.say(str(move))
        if options["dry_run"]:
            self._explain(found)
            return
        if found.skipped and not options["yes"]:
            self.confirm("Events that are skipped are never handled. Continue?", code=REFUSED)
        with transaction.atomic(using=using):
            seeking.lock(name, using)
            row = self.operations.begin(seeking.order(found, who, options["reason"]), using, len(found.moves))
        self.follow(row, who, options)

    def _explain(self, found: Plan) -> None:
        for sentence in (*found.effects, found.how, "Nothing was changed."):
            self.say(sentence)


def _place(options: dict[str, Any]) -> Place:
    if options["to_beginning"]:
        return Place(kind=BEGINNING)
    if options["to_end"]:
        return Place(kind=END)
    if options["to_time"] is not None:
        return Place(at=_time(options["to_time"]))
    return Place(offset=options["to_offset"])


def _time(text: str) -> datetime:
    try:
        when = parse_datetime(text)
    except ValueError:
        when = None
    if when is None:
        raise CommandError(f"{text!r} is not a time; write it as 2026-01-31T12:00:00Z.", returncode=USAGE)
    return timezone.make_aware(when) if timezone.is_naive(when) else when
