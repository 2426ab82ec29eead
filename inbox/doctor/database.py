"""The steps of the inbox's database, through Django's own connection, as a consumer uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.apps import apps
from django.db import DatabaseError, InterfaceError, connections

from inbox.database import require_all_rows, require_read_committed
from inbox.errors import RowsHidden, WrongIsolation
from outbox_core.grants import grants
from outbox_core.operations.database_failure import explain
from outbox_core.operations.doctor import postgresql
from outbox_core.operations.doctor.kafka import SETTINGS
from outbox_core.operations.doctor.step import Note, Step, failed

NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")
"""The privileges of a consumer on each table of the inbox; see docs/how-to/roles.md."""
_TAKES_NO_WRITES = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool"
_LACKING = """
    SELECT need.name, need.privilege, coalesce(quote_ident(nspname), ''), quote_ident(current_user)
    FROM unnest(%(tables)s::text[], %(privileges)s::text[]) WITH ORDINALITY AS need (name, privilege, place)
    LEFT JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(need.name))
    LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid IS NULL OR NOT has_table_privilege(c.oid, need.privilege)
    ORDER BY place
"""


class DatabaseSteps:
    """The steps of the database ``alias``."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def all(self) -> Iterator[Step]:
        """From the connection to the privileges."""
        yield Step(name="database", look=self._database, needs=(SETTINGS,))
        migrations = partial(postgresql.migrations, self.alias, None)
        yield Step(name="migrations", look=migrations, needs=("database",))
        yield Step(name="grants", look=self._grants, needs=("migrations",))
        yield Step(name="clock", look=partial(postgresql.clock, self._rows), needs=("database",))

    def _database(self) -> Iterator[Note]:
        if self.alias not in connections:
            yield failed(
                f"There is no database {self.alias!r} in DATABASES: {', '.join(connections)}.",
                "Correct INBOX['DATABASE'], or name the database: --database ALIAS.",
            )
            return
        try:
            [(standby, read_only)] = self._rows(_TAKES_NO_WRITES, {})
            yield from postgresql.server(self._rows)
            require_read_committed(self.alias)
        except WrongIsolation as error:
            yield failed(error.text, error.remedy)
            return
        except (DatabaseError, InterfaceError) as error:
            problem = explain(self.alias, "inbox", error)
            yield failed(problem.text, problem.remedy)
            return
        if standby:
            yield failed(
                f"Database {self.alias!r} is a standby.",
                f"Set HOST of DATABASES[{self.alias!r}] to the primary.",
            )
        elif read_only:
            yield failed(
                f"Database {self.alias!r} takes no writes: transaction_read_only is on.",
                "Run ALTER ROLE … RESET default_transaction_read_only, or ALTER DATABASE or ALTER SYSTEM, "
                "where it was switched on; or connect to the primary.",
            )

    def _grants(self) -> Iterator[Note]:
        lacking = self._lacking()
        absent = dict.fromkeys(table for table, _, schema, _ in lacking if not schema)
        if absent:
            yield failed(
                f"The search_path has no table {', '.join(absent)}.",
                f"Run `manage.py migrate inbox --database {self.alias}`, or correct the search_path.",
            )
        elif lacking:
            *_, schema, role = lacking[0]
            missing = [(table, privilege) for table, privilege, *_ in lacking]
            yield failed(
                f"Role {role} does not have all privileges on the tables of the inbox.",
                grants(missing, schema, role),
            )
        else:
            yield from self._rows_seen()

    def _rows_seen(self) -> Iterator[Note]:
        try:
            require_all_rows(self.alias)
        except RowsHidden as error:
            yield failed(error.text, error.remedy)
        else:
            yield "every privilege of a consumer; those that handlers need are not known here"

    def _lacking(self) -> Sequence[tuple[Any, ...]]:
        models = apps.get_app_config("inbox").get_models()
        needs = [(model._meta.db_table, privilege) for model in models for privilege in NEEDED]
        needs.append(("django_migrations", "SELECT"))
        tables, privileges = map(list, zip(*needs, strict=True))
        return self._rows(_LACKING, {"tables": tables, "privileges": privileges})

    def _rows(self, query: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        with connections[self.alias].cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())
