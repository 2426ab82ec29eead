"""System checks of the inbox. ``inbox.E001`` to ``E004``: see outbox_core.process.settings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.models import Model

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.database import UNAVAILABLE, require_all_rows, require_read_committed
from inbox.errors import HandlerError, RowsHidden, WrongIsolation
from inbox.handling.registry import registry
from inbox.kafka.clients import wrong_options
from outbox_core.kafka import check_kafka
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from outbox_core.process.settings import problems

register(check_kafka)


@register
def check_inbox(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Whether INBOX is correct, and each consumer has its own handlers."""
    found = problems(Settings, "INBOX")
    if found:
        return found
    inbox = settings()
    options = [] if check_kafka() else _check_options(inbox)
    return [
        *_check_database(inbox),
        *options,
        *_check_backend(inbox),
        *_check_handlers(inbox),
        *_check_other_databases(inbox),
        *_check_models(inbox),
    ]


@register(Tags.database)
def check_fitness(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Whether the inbox's database is READ COMMITTED, and hides no rows. It runs for ``--database`` and in
    ``migrate``.
    """
    if problems(Settings, "INBOX") or (alias := settings().database) not in (databases or ()):
        return []
    if connections[alias].vendor != "postgresql":
        return []  # E009 names it
    try:
        require_read_committed(alias)
        require_all_rows(alias)
    except WrongIsolation as error:
        return [Error(error.text, hint=error.remedy, id="inbox.E013")]
    except RowsHidden as error:
        return [Error(error.text, hint=error.remedy, id="inbox.E016")]
    except UNAVAILABLE as error:
        text = f"Database {alias!r} cannot be reached: {str(error).strip()}"
        hint = f"Start PostgreSQL, or correct DATABASES[{alias!r}]."
        return [Error(text, hint=hint, id="inbox.E014")]
    return []


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
    if not connections[inbox.database].settings_dict["AUTOCOMMIT"]:
        text = (
            f"AUTOCOMMIT of DATABASES[{inbox.database!r}] is off: nothing that a handler writes is committed."
        )
        return [Error(text, hint="Remove AUTOCOMMIT from it.", id="inbox.E015")]
    return []


def _check_options(inbox: Settings) -> list[CheckMessage]:
    try:
        client, _, options = inbox.kafka_client()
        wrong = wrong_options(client, options)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="inbox.E010")]
    where = 'KAFKA["OPTIONS"] or INBOX["KAFKA"]["OPTIONS"]'
    return [Error(f"{where} has {option!r}, which {what}", id="inbox.E010") for option, what in wrong.items()]


def _check_backend(inbox: Settings) -> list[CheckMessage]:
    backend = inbox.kafka.backend
    if "." not in backend:
        return []
    text = f"INBOX['KAFKA']['BACKEND'] is {backend!r}, but the inbox reads through {KAFKA_PYTHON} then."
    hint = f"Set {KAFKA_PYTHON!r} or {CONFLUENT!r}: a class publishes only."
    return [Warning(text, hint=hint, id="inbox.W002")]


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
        messages += _check_ignored(consumer, handlers)
        chosen += [(handler.name, consumer.name) for handler in handlers.values()]
    for (name, one), (other_name, other) in pairwise(sorted(set(chosen))):
        if name == other_name:
            hint = "Name the modules of each consumer's handlers in HANDLERS."
            messages.append(
                Error(f"{name} would run in {one!r} and in {other!r}.", hint=hint, id="inbox.E007")
            )
    return messages


def _check_ignored(consumer: ConsumerSettings, handlers: Collection[str]) -> list[CheckMessage]:
    both = sorted(type_ for type_ in handlers if consumer.ignores(type_))
    return [
        Error(
            f"IGNORE of consumer {consumer.name!r} names {type_}, which one of its handlers takes.",
            hint="Remove it from IGNORE, or remove the handler.",
            id="inbox.E011",
        )
        for type_ in both
    ]


def _check_other_databases(inbox: Settings) -> list[CheckMessage]:
    return [
        Error(f"INBOX['OTHER_DATABASES'] names {alias!r}, which is not in DATABASES.", id="inbox.E012")
        for alias in inbox.other_databases
        if alias not in connections
    ]


def _check_models(inbox: Settings) -> list[CheckMessage]:
    """Whether the models of the handlers' apps are in the inbox's database."""
    hint = (
        "What a handler writes there is not rolled back with its event, so it is refused. Correct the "
        "router or INBOX['DATABASE'], or name the database in INBOX['OTHER_DATABASES']."
    )
    return [
        Warning(
            f"{model._meta.label} is written to database {alias!r}, but the handlers of app "
            f"{model._meta.app_label!r} run in a transaction of {inbox.database!r}.",
            hint=hint,
            id="inbox.W001",
        )
        for model in _models_of_handlers()
        if (alias := router.db_for_write(model)) not in (inbox.database, *inbox.other_databases)
    ]


def _models_of_handlers() -> list[type[Model]]:
    configs = {apps.get_containing_app_config(handler.function.__module__) for handler in registry}
    found = [model for config in configs if config is not None for model in config.get_models()]
    return sorted(found, key=lambda model: model._meta.label)
