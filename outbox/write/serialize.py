"""``serialize=True``: the writers of one key wait for each other, so that log order is commit order."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from outbox.conf import settings
from outbox.errors import TooManyKeys
from outbox.write.statements import SERIALIZE_KEYS
from outbox.write.transactions import execute

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.backends.base.base import BaseDatabaseWrapper

NAMESPACE = 0x6F757462  # "outb": the first of the two numbers of an advisory lock

_taken: WeakKeyDictionary[BaseDatabaseWrapper, tuple[str, set[int]]] = WeakKeyDictionary()


def serialize_writers(connection: BaseDatabaseWrapper, keys: Collection[str]) -> None:
    """Lock each key until the end of the transaction, with one statement. Raises TooManyKeys. PostgreSQL
    keeps locks in shared memory, by default about 6,400 for the whole server. So there is a limit for the
    distinct keys of a transaction, whatever the number of calls.
    """
    limit = settings().max_serialized_keys
    _refuse_over(limit, len(set(keys)))
    rows = execute(connection, SERIALIZE_KEYS, [NAMESPACE, list(keys)], returns=True)
    xid = rows[0][0]
    known_xid, numbers = _taken.get(connection, ("", set()))
    numbers = numbers if known_xid == xid else set()
    numbers.update(number for _, number, _ in rows)
    _taken[connection] = (xid, numbers)
    _refuse_over(limit, len(numbers))


def _refuse_over(limit: int, keys: int) -> None:
    if keys > limit:
        raise TooManyKeys(
            f"{keys} keys of serialize=True event types in one transaction, and "
            f'OUTBOX["MAX_SERIALIZED_KEYS"] is {limit}: each holds '
            "a lock of the whole server until the commit. Emit them in several transactions, or without "
            "serialize=True."
        )
