"""What processes do by themselves, for the ledger: one row for an incident, not one for each event."""

from __future__ import annotations

import os
import socket
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from outbox_core.operations.ledger import DONE, LedgerEntry
from outbox_core.people.text import line
from outbox_core.sql import Statements

MOST = 1_000
SECONDS = 3_600.0
"""A row has deeds of at most an hour, and about so many of them: each makes a new version of the row."""
REMEMBERED = 1_000
"""The most open rows that a process remembers."""
_statement = Statements("outbox_core.operations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that a process did. Those of one verb and outcome with the same ``common`` share a row;
    ``own`` is what only this one has. ``scope`` is this one in words, ``group`` several of them.
    """

    verb: LedgerEntry.Verb
    scope: str
    group: str
    common: Mapping[str, Any]
    own: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    before: str = ""
    outcome: str = DONE
    count: int = 1

    @property
    def incident(self) -> Hashable:
        return self.verb, self.outcome, *self.common.items()


class Diary:
    """Remembers the row of each incident of this process. A row that was rolled back or deleted is replaced
    by a new one, because the statement does not find it.
    """

    def __init__(self, what: str) -> None:
        self._who = line(f"{what} {socket.gethostname()}:{os.getpid()}", 200)
        self._rows: dict[Hashable, int] = {}

    def parameters(self, deed: Deed) -> dict[str, Any]:
        """The parameters of ``statement``."""
        common = dict(deed.common)
        return {
            "row": self._rows.get(deed.incident, 0),
            "who": self._who,
            "verb": deed.verb.value,
            "scope": line(deed.scope, 1_000),
            "group": line(deed.group, 1_000),
            "selection": msgspec.json.encode({**common, **deed.own}).decode(),
            "common": msgspec.json.encode(common).decode(),
            "reason": line(deed.reason, 1_000),
            "before": line(deed.before, 1_000),
            "outcome": deed.outcome,
            "count": deed.count,
            "most": MOST,
            "seconds": SECONDS,
        }

    def noted(self, deed: Deed, row: int) -> None:
        """The deed is in this row."""
        if len(self._rows) >= REMEMBERED:
            self._rows.clear()
        self._rows[deed.incident] = row


def statement(table: str) -> str:
    """The statement that writes a deed into a ledger. It returns the id of the row."""
    return _statement("write_deed").replace("{ledger}", table)
