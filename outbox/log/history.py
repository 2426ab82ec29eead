"""The guard that the relay, pruning, resharding and the status all use before they trust a stored
position.
"""

from __future__ import annotations

from django.db import connections

from outbox.errors import PositionNotOfThisHistory
from outbox.sql import statement

REMEDY = "Run `manage.py outbox_rebase`."


def refuse_another_history(using: str) -> None:
    """Raise PositionNotOfThisHistory unless this database stored every position.

    Where events are many, call it within ``outbox_core.database.pinned``, which keeps it to the indexes.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(statement("unproven"))
        unproven = [shard for (shard,) in cursor.fetchall()]
    if unproven:
        raise refusal(*unproven)


def refusal(*shards: int) -> PositionNotOfThisHistory:
    """The error for shards whose position is not proven."""
    names = ", ".join(map(str, shards[:10])) + (", …" if len(shards) > 10 else "")
    which = f"shard {names}" if len(shards) == 1 else f"shards {names}"
    return PositionNotOfThisHistory(
        f"The position of {which} was not stored by this database: it was restored from a dump, or "
        "replicated. Transaction ids have another meaning here, so it is unknown what is published.",
        REMEDY,
    )
