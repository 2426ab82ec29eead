from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from inbox.conf import settings


class InboxCommand(BaseCommand):
    """A command of the inbox: that its database is away, or lacks tables, is told in one line.

    ``failure_code`` is the exit code then.
    """

    failure_code = 1

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(
                f"database {settings().database!r}: {' '.join(str(error).split())}",
                returncode=self.failure_code,
            ) from error
