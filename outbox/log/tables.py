"""Where the outbox's tables are: in ``OUTBOX["SCHEMA"]``, otherwise where the search_path finds them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.db import connections
from django.dispatch import receiver

from outbox.conf import settings

if TYPE_CHECKING:
    from django.db.models import Model


def qualifier() -> str:
    """What goes before the name of a table in SQL: empty, or a quoted schema with its dot."""
    schema = settings().schema
    return f'"{schema}".' if schema else ""


def qualified(statement: str) -> str:
    """A statement with its ``{schema}`` filled in."""
    return _filled(statement, qualifier())


@cache
def _filled(statement: str, schema: str) -> str:
    return statement.format(schema=schema)


def remedy(using: str) -> str:
    """The command that creates the tables where this database is searched for them."""
    migrate, schema = f"run `manage.py migrate outbox --database {using}`", settings().schema
    if not schema:
        return migrate
    return f"correct OUTBOX['SCHEMA'], {schema!r}, or {migrate} with search_path={schema} in DATABASES"


def exist(using: str) -> bool:
    """Whether the outbox's tables are on database ``using``; False for any database but PostgreSQL."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{qualifier()}outbox_event"])
        (found,) = cursor.fetchone()
    return bool(found)


def qualify_models() -> None:
    """Make the ORM use the tables of ``OUTBOX["SCHEMA"]``, whatever the search_path is.

    Django takes a name in double quotes as it is. Migrations have models of their own and are not concerned.
    """
    given = getattr(django_settings, "OUTBOX", {})
    schema = given.get("SCHEMA", "") if isinstance(given, dict) else ""
    for model in _models():
        plain = model._meta.original_attrs.get("db_table", model._meta.db_table.rpartition(".")[2].strip('"'))
        model._meta.db_table = f'"{schema}"."{plain}"' if schema else plain
        for field in model._meta.local_fields:
            field.__dict__.pop("cached_col", None)  # it also contains the table's name


def _models() -> Iterator[type[Model]]:
    return (model for model in apps.get_app_config("outbox").get_models() if not model._meta.proxy)


@receiver(setting_changed)
def _qualify_again(*, setting: str, **_: object) -> None:
    if setting == "OUTBOX":
        qualify_models()
