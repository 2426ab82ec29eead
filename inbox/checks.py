from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import connections

from inbox.conf import InboxMisconfigured, Settings, did_you_mean, settings
from inbox.errors import HandlerError
from inbox.registry import registry


@register
def check_inbox(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Is INBOX as it should be, and does each consumer have handlers of its own?"""
    try:
        inbox = settings()
    except InboxMisconfigured as error:
        return [
            Error(problem, hint="See inbox.conf.Settings for the keys.", id="inbox.E001")
            for problem in error.problems
        ]
    return [*_check_database(inbox), *_check_options(inbox), *_check_handlers(inbox)]


def _check_database(inbox: Settings) -> list[CheckMessage]:
    if inbox.database not in connections:
        return [
            Error(f"INBOX['DATABASE'] names {inbox.database!r}, which is not in DATABASES.", id="inbox.E002")
        ]
    vendor = connections[inbox.database].vendor
    if vendor != "postgresql":
        hint = "Set DATABASES to PostgreSQL 14 or later, or name another database in INBOX['DATABASE']."
        return [
            Error(
                f"The inbox works on PostgreSQL only; {inbox.database!r} is {vendor}.",
                hint=hint,
                id="inbox.E003",
            )
        ]
    return []


def _check_options(inbox: Settings) -> list[CheckMessage]:
    from inbox.kafka.client import RESERVED, known_options

    known = dict.fromkeys(known_options())
    return [
        Error(
            f"INBOX['OPTIONS'] has {option!r}, which "
            + (
                "the inbox sets itself."
                if option in RESERVED
                else f"no Kafka client knows{did_you_mean(option, known)}."
            ),
            id="inbox.E004",
        )
        for option in inbox.options
        if option not in known
    ]


def _check_handlers(inbox: Settings) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    chosen: list[tuple[str, str]] = []
    for consumer in inbox.consumers.values():
        try:
            handlers = registry.of(consumer.handlers)
        except HandlerError as error:
            messages.append(Error(str(error), id="inbox.E005"))
            continue
        if not handlers:
            hint = "Write them in handlers.py of an installed app, or correct the modules named in HANDLERS."
            messages.append(Error(f"Consumer {consumer.name!r} has no handlers.", hint=hint, id="inbox.E006"))
        chosen += [(handler.name, consumer.name) for handler in handlers.values()]
    for (name, one), (other_name, other) in pairwise(sorted(set(chosen))):
        if name == other_name:
            hint = "Say with HANDLERS which modules each consumer takes its handlers from."
            messages.append(
                Error(f"{name} would run in {one!r} and in {other!r}.", hint=hint, id="inbox.E007")
            )
    return messages
