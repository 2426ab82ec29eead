"""System checks of settings, databases and capture, each with its remedy.

E001 to E004 come from outbox_core.process.settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, router
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import post_save, pre_save

from outbox.capture.querysets import CapturedQuerySet
from outbox.capture.receivers import registered
from outbox.checks import wiring
from outbox.checks.hints import keys_that_lock_nothing
from outbox.checks.senders import check_senders
from outbox.checks.unloaded import check_unloaded
from outbox.conf import OutboxSettings, settings
from outbox.discovery import check_imports
from outbox.log import proof, tables
from outbox.write.registry import is_topic, registry
from outbox_core.database import pinned
from outbox_core.migrations import unapplied
from outbox_core.process.settings import problems

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Manager, Model


def register_all() -> None:
    for check in (
        check_settings,
        check_topics,
        check_engine,
        check_capture,
        keys_that_lock_nothing,
        check_imports,
        check_unloaded,
        wiring.check_events,
        check_senders,
        wiring.check_returned,
        wiring.check_before_save,
        wiring.check_uids,
        wiring.check_imported_twice,
        wiring.check_plain_receivers,
        wiring.check_durable,
        wiring.check_database_deletes,
        wiring.check_shadowed,
    ):
        register(check)
    register(check_databases, Tags.database)


def check_settings(**kwargs: object) -> list[CheckMessage]:
    """E001 unknown key, E002 wrong type, E003 missing key, E004 values that do not fit each other."""
    return problems(OutboxSettings, "OUTBOX")


def check_topics(**kwargs: object) -> list[CheckMessage]:
    """E006: a topic that is too long with OUTBOX["TOPIC_PREFIX"]."""
    if problems(OutboxSettings, "OUTBOX"):
        return []
    return [
        Error(
            f"Topic {topic!r} of event {event_type.name} is longer than the 249 characters of Kafka.",
            hint='Shorten OUTBOX["TOPIC_PREFIX"] or the topic.',
            obj=event_type.cls,
            id="outbox.E006",
        )
        for event_type in registry
        if not is_topic(topic := settings().in_kafka(event_type.topic))
    ]


def check_engine(**kwargs: object) -> list[CheckMessage]:
    """E005: the outbox would be in a database that is not PostgreSQL. W014: nothing would be committed."""
    return list(_engine(DEFAULT_DB_ALIAS)) if _holds_outbox(DEFAULT_DB_ALIAS) else []


def check_capture(**kwargs: object) -> list[CheckMessage]:
    """W001, I002, W009: a captured model whose bulk writes are not captured."""
    models = {model: receiver for receiver in registered for model in receiver.models(pre_save, post_save)}
    return [
        message
        for model, receiver in models.items()
        if model._meta.managed and not (model._meta.proxy or model._meta.auto_created or model._meta.swapped)
        for message in _managers(model, foreign=_package(model) != _package(receiver.function))
    ]


def _managers(model: type[Model], *, foreign: bool) -> Iterator[CheckMessage]:
    if not _is_captured(model._default_manager):
        yield _uncaptured(model, foreign=foreign)
    elif not _is_captured(model._base_manager):
        foreign_keys: list[Any] = [field for field in model._meta.local_fields if field.many_to_one]
        accessors = [
            f"{field.related_model._meta.label}.{field.remote_field.get_accessor_name()}"
            for field in foreign_keys
            if not field.remote_field.hidden
        ]
        if accessors:
            yield _uncaptured_base(model, accessors)


def _is_captured(manager: Manager[Any]) -> bool:
    return isinstance(manager.get_queryset(), CapturedQuerySet)


def check_databases(databases: Sequence[str] | None = None, **kwargs: object) -> list[CheckMessage]:
    """Checks that ask the database. They run for ``--database`` and in ``migrate``."""
    return [problem for alias in databases or () if _holds_outbox(alias) for problem in _database(alias)]


def _database(alias: str) -> Iterator[CheckMessage]:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        yield from _engine(alias)
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            (synchronous_commit,) = cursor.fetchone()
        yield from _migrations(connection)
        yield from _log(connection)
    except OperationalError as error:
        yield Error(
            f"Database {alias!r} cannot be reached: {str(error).strip()}",
            hint=f"Start PostgreSQL, or correct DATABASES[{alias!r}].",
            id="outbox.E007",
        )
        return
    if synchronous_commit == "off":
        yield Warning(
            f"Writers to database {alias!r} run with synchronous_commit off: an event may be published and "
            "its transaction be forgotten by a crash of PostgreSQL.",
            hint="Switch it on in postgresql.conf, for the role, or in DATABASES' OPTIONS.",
            id="outbox.W003",
        )


def _log(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    """E012: a relay would refuse this log. W010: what may lose, change or hide events."""
    alias = connection.alias
    if not tables.exist(alias):
        return
    with pinned(alias, undo=True):
        read = proof.through(alias)
        found = proof.facts(read, {})
        if found is None:
            return
        for refusal in proof.refusals(read, found):
            yield Error(refusal.text, hint=refusal.remedy, id="outbox.E012")
        for text, remedy in (*proof.doubts(found), *proof.server_doubts(found)):
            yield Warning(text, hint=remedy, id="outbox.W010")


def _migrations(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    if not MigrationRecorder(connection).has_table():
        return  # an empty database, which this run of migrate fills
    missing = unapplied(connection.alias, "outbox")
    if missing:
        names = ", ".join(migration.name for migration in missing)
        yield Warning(
            f"Database {connection.alias!r} has unapplied migrations of the outbox: {names}.",
            hint=f"Run `manage.py migrate outbox --database {connection.alias}`.",
            id="outbox.W002",
        )


def _engine(alias: str) -> Iterator[CheckMessage]:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        yield Error(
            f"Database {alias!r} is {connection.display_name}; the outbox needs PostgreSQL 14 or later.",
            hint=f"Change its ENGINE, or keep the app 'outbox' out of {alias!r} with a database router.",
            id="outbox.E005",
        )
    elif not connection.settings_dict["AUTOCOMMIT"]:
        yield Warning(
            f"AUTOCOMMIT of DATABASES[{alias!r}] is off: what the commands and the admin of the outbox "
            "change is not committed.",
            hint="Remove AUTOCOMMIT from it.",
            id="outbox.W014",
        )


def _uncaptured(model: type[Model], *, foreign: bool) -> CheckMessage:
    label = model._meta.label
    kind, hint, number = (
        (Info, f"Write to it in bulk through a proxy of {label} whose manager is captured.", "outbox.I002")
        if foreign
        else (
            Warning,
            "Give it `objects = outbox.CapturedManager()`, or derive its manager from that.",
            "outbox.W001",
        )
    )
    return kind(
        f"{label} has an outbox receiver, but its default manager writes no events for bulk_create(), "
        "bulk_update() and update().",
        hint=hint,
        obj=model,
        id=number,
    )


def _uncaptured_base(model: type[Model], accessors: Sequence[str]) -> CheckMessage:
    return Warning(
        f"{model._meta.label} has an outbox receiver, but {', '.join(accessors)} write no events for add(), "
        "set(), remove() and clear(): they use its base manager.",
        hint='Add `base_manager_name = "objects"` to its Meta, the name of its captured manager.',
        obj=model,
        id="outbox.W009",
    )


def _holds_outbox(alias: str) -> bool:
    return router.allow_migrate(alias, "outbox", model_name="outboxevent")


def _package(thing: object) -> str:
    return thing.__module__.partition(".")[0]
