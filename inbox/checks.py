"""System checks of the inbox. ``inbox.E001`` to ``E004``: see outbox_core.process.settings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from inbox.conf import Settings, settings
from inbox.errors import HandlerError
from inbox.registry import registry
from outbox_core.kafka import check_kafka
from outbox_core.process.settings import problems
from outbox_core.suggestion import did_you_mean

register(check_kafka)


@register
def check_inbox(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Is INBOX as it should be, and does each consumer have handlers of its own?"""
    found = problems(Settings, "INBOX")
    if found:
        return found
    inbox = settings()
    options = [] if check_kafka() else _check_options(inbox)
    return [*_check_database(inbox), *options, *_check_handlers(inbox)]


def _check_database(inbox: Settings) -> list[CheckMessage]:
    if inbox.database not in connections:
        return [
            Error(f"INBOX['DATABASE'] names {inbox.database!r}, which is not in DATABASES.", id="inbox.E008")
        ]
    vendor = connections[inbox.database].vendor
    if vendor != "postgresql":
        hint = "Set DATABASES to PostgreSQL 14 or later, or name another database in INBOX['DATABASE']."
        return [
            Error(
                f"The inbox works on PostgreSQL only; {inbox.database!r} is {vendor}.",
                hint=hint,
                id="inbox.E009",
            )
        ]
    return []


def _check_options(inbox: Settings) -> list[CheckMessage]:
    from inbox.kafka.client import RESERVED, known_options

    try:
        options = inbox.kafka_options()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="inbox.E010")]
    known = known_options()
    return [
        Error(
            f'KAFKA["OPTIONS"] or INBOX["KAFKA"]["OPTIONS"] has {option!r}, which '
            + (
                "the inbox sets itself."
                if option in RESERVED
                else f"kafka.KafkaConsumer does not know. {did_you_mean(option, known)}"
            ),
            id="inbox.E010",
        )
        for option in options.keys() - known - {"bootstrap_servers"}
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
