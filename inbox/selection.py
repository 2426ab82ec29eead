from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from inbox.conf import settings
from inbox.models import Parked
from inbox.models.parked_queries import ParkedQuerySet


def add_selection(parser: ArgumentParser) -> None:
    """Arguments that say which parked events are meant."""
    parser.add_argument("event_ids", nargs="*", metavar="event_id", help="the CloudEvents id (ce_id)")
    parser.add_argument("--consumer", help="of this consumer")
    parser.add_argument("--topic", help="of this topic")
    parser.add_argument("--key", help="of this key")
    parser.add_argument("--type", help="of this event type")
    parser.add_argument("--all", action="store_true", help="all that are parked")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def selected(options: dict[str, Any]) -> ParkedQuerySet:
    """The parked events that the arguments mean.

    Raises:
        CommandError: none were named, or there are none (exit code 2).
    """
    conditions = {
        name: options[name] for name in ("consumer", "topic", "key", "type") if options[name] is not None
    }
    if options["event_ids"]:
        conditions["event_id__in"] = options["event_ids"]
    if not conditions and not options["all"]:
        raise CommandError("say which: event ids, --consumer, --topic, --key, --type, or --all", returncode=2)
    chosen = Parked.objects.using(settings().database).waiting().filter(**conditions)
    if not chosen.exists():
        raise CommandError("no parked event is meant by that", returncode=2)
    return chosen
