"""The steps at PostgreSQL that relay and consumer go alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.core.checks import ERROR, WARNING, CheckMessage
from django.core.checks.registry import registry as checks
from psycopg.errors import InsufficientPrivilege

from outbox_core.migrations import listed, unapplied
from outbox_core.operations.doctor.step import Note, failed, warning
from outbox_core.people.humanize import milliseconds, plural

Rows = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]
"""Runs a statement and returns its rows."""
CLOCK_SECONDS = 5.0
"""The difference of two clocks that a person should look at."""
_SERVER = """
    SELECT current_setting('server_version'), current_database(), current_user::text,
           coalesce(host(inet_server_addr()), 'a socket'), inet_server_port()
"""


def server(rows: Rows) -> Iterator[Note]:
    """Which server answers, and as whom."""
    version, name, role, host, port = rows(_SERVER, {})[0]
    place = f"{host}:{port}" if port else host
    yield f"PostgreSQL {version.partition(' ')[0]} at {place}, database {name}, role {role}"


def migrations(database: str, app: str | None) -> Iterator[Note]:
    """Whether every migration of an app, or of all apps, is applied."""
    try:
        missing = unapplied(database, app)
    except Exception as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        yield "unknown, because this role may not read django_migrations"
        return
    if missing:
        yield failed(
            f"Database {database!r} lacks {plural(len(missing), 'migration')}: {listed(missing)}.",
            f"Run `manage.py migrate {f'{app} ' if app else ''}--database {database}`.",
        )
    else:
        yield f"all migrations{f' of {app}' if app else ''} are applied"


def clock(rows: Rows) -> Iterator[Note]:
    """How far the clock of this machine is from the database's."""
    begin = time.time()
    there = float(rows("SELECT extract(epoch FROM clock_timestamp())", {})[0][0])
    end = time.time()
    ahead = there - (begin + end) / 2
    word = "ahead of" if ahead > 0 else "behind"
    if abs(ahead) > CLOCK_SECONDS:
        yield warning(
            f"The clock of PostgreSQL is {abs(ahead):.1f} s {word} the clock of this machine.",
            "Synchronise both with NTP (chronyc tracking). Times of events and ages are wrong until then.",
        )
    else:
        yield (
            f"PostgreSQL's is {milliseconds(abs(ahead) * 1000)} {word} this machine's (asked within "
            f"{milliseconds((end - begin) * 1000)}); a broker shows its own only in a round trip"
        )


def system_checks(packages: Sequence[str]) -> Iterator[Note]:
    """The system checks of these packages, which run_relay and run_consumer also run when they start."""
    ours = [
        check
        for check in checks.get_checks()
        if getattr(check, "__module__", "").partition(".")[0] in {*packages, "outbox_core"}
    ]
    found: list[CheckMessage] = [
        message for check in ours for message in check(app_configs=None, databases=None)
    ]
    serious = [message for message in found if not message.is_silenced() and message.level >= WARNING]
    for message in serious:
        kind = failed if message.level >= ERROR else warning
        yield kind(f"{message.id}: {message.msg}", message.hint or "See `manage.py check`.")
    if not serious:
        yield f"{plural(len(ours), 'system check')} of {', '.join(packages)} found nothing"
