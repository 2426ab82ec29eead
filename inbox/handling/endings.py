"""Refuses statements with which a handler would end the transaction that it shares with other events, check
its constraints too early, or undo the settings of its connection.
"""

from __future__ import annotations

import re

import psycopg

from inbox.errors import EffectsLost
from inbox.handling.retriable import chain
from inbox.handling.statements import SPACE, statements
from inbox.models import Unit

ENDED = (
    "a handler ended the transaction that it runs in (COMMIT, ROLLBACK, or closing the connection), which "
    "has the effects of other events too: leave that to the inbox; use transaction.atomic() for savepoints"
)
RUNS = (
    "a handler left its connection within a statement, behind which no other can run: leave each COPY and "
    "stream() of psycopg in the handler that began it, and do not catch the end of INBOX['HANDLER_SECONDS']"
)
CHECKS = (
    "a handler ran SET CONSTRAINTS ALL IMMEDIATE (as connection.check_constraints() does), which also checks "
    "a constraint of the inbox that holds only at the end: name your own constraints instead of ALL"
)
RESETS = (
    "a handler ran RESET ALL, which also resets what Django and others set for the connection, such as its "
    "time zone: name the settings to reset instead of ALL"
)
_CHECKS = re.compile(SPACE + r"SET\s+CONSTRAINTS\s+ALL\s+IMMEDIATE\b", re.IGNORECASE | re.DOTALL)
_RESETS = re.compile(SPACE + r"RESET\s+ALL\b", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(
    SPACE + r"(COMMIT|END|ABORT|BEGIN|START\s+TRANSACTION|PREPARE\s+TRANSACTION"
    r"|ROLLBACK(?!\s+(WORK\s+|TRANSACTION\s+)?TO\b))\b",
    re.IGNORECASE | re.DOTALL,
)
_REFUSED = ((_ENDS, ENDED), (_CHECKS, CHECKS), (_RESETS, RESETS))


def refuse(sql: str) -> None:
    """Refuse a statement before it runs. Otherwise the ROLLBACK of one handler and the COMMIT of a later one
    would both succeed.

    Raises:
        EffectsLost: no handler may run it; the message says why.
    """
    found = statements(sql)
    for pattern, problem in _REFUSED:
        if any(map(pattern.match, found)):
            raise EffectsLost(problem)


def is_refused_commit(failure: BaseException) -> bool:
    """Whether a COMMIT failed because the unit of work had not ended: see ``Unit``."""
    errors = (error for error in chain(failure) if isinstance(error, psycopg.Error))
    return Unit._meta.db_table in (error.diag.table_name for error in errors)
