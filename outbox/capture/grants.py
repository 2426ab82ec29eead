"""Names the GRANT that a writer's role lacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import ProgrammingError
from psycopg.errors import InsufficientPrivilege

from outbox_core.grants import grants

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model


@contextmanager
def naming_grants(model: type[Model], connection: BaseDatabaseWrapper, privileges: str) -> Iterator[None]:
    """Adds the missing GRANT to an error about a privilege that the statement inside needs."""
    try:
        yield
    except ProgrammingError as error:
        raise with_grant(error, model, connection, privileges) from error.__cause__


def with_grant(
    error: ProgrammingError, model: type[Model], connection: BaseDatabaseWrapper, privileges: str
) -> ProgrammingError:
    """The error itself, unless it is one about a missing privilege."""
    if not isinstance(error.__cause__, InsufficientPrivilege):
        return error
    return ProgrammingError(f"{error} {_remedy(model, connection, privileges)}")


def _remedy(model: Any, connection: BaseDatabaseWrapper, privileges: str) -> str:
    models = dict.fromkeys(each._meta.concrete_model for each in (model, *model._meta.all_parents))
    missing = [(each._meta.db_table, privileges) for each in models]
    role = connection.settings_dict["OPTIONS"].get("assume_role") or connection.connection.info.user
    return (
        f"Receivers of @outbox.receiver get the stored row of {model._meta.label}: run "
        f"{grants(missing, 'public', role)} Or give them refresh=False."
    )
