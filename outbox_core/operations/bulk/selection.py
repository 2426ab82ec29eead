"""The options that select events: the same for every verb, on both sides."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.core.management.base import CommandError

from outbox_core.people.text import line
from outbox_core.process.arguments import moment, rate

FILTERS = ("consumer", "topic", "key", "key_prefix", "type", "cause")
TIMES = ("since", "until")
NEVER_EMPTY = ("consumer", "topic", "key_prefix", "type", "cause")
"""A key can be empty, in rows and records of other programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """``ids`` are ids of holds or of events, depending on the verb. ``rows`` are the primary keys that the
    admin selects. ``cause`` is why they are held. ``since`` and ``until`` are about when they were held, or
    for a replay created. What is given must all hold.
    """

    ids: tuple[Any, ...] = ()
    rows: tuple[int, ...] = ()
    topic: str | None = None
    key: str | None = None
    key_prefix: str | None = None
    type: str | None = None
    consumer: str | None = None
    cause: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    all: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The selection that the options make. Raises CommandError, exit code 2, if they select nothing, or
        if a filter is empty: a script's variable that is not set must not select everything.
        """
        named: dict[str, Any] = {name: options.get(name) for name in (*FILTERS, *TIMES)}
        for name in NEVER_EMPTY:
            if named[name] == "":
                raise CommandError(
                    f"--{name.replace('_', '-')} is empty. Give it a value, or leave it out.", returncode=2
                )
        chosen = cls(ids=tuple(options["ids"]), all=options["all"], **named)
        if not (chosen.ids or chosen.all or chosen.filters):
            raise CommandError(
                "Say which: ids, a filter such as --topic, or --all. The status command lists what is held.",
                returncode=2,
            )
        return chosen

    @classmethod
    def stored(cls, data: Mapping[str, Any]) -> Self:
        """The selection of ``for_storage``."""
        times = {name: datetime.fromisoformat(data[name]) for name in TIMES if name in data}
        lists = {name: tuple(data[name]) for name in ("ids", "rows") if name in data}
        return cls(**{**data, **times, **lists})

    def for_storage(self) -> dict[str, Any]:
        """All of it, as JSON."""
        ids = [each if isinstance(each, int) else str(each) for each in self.ids]
        others = {"ids": ids, "rows": list(self.rows), "all": self.all}
        return {name: value for name, value in others.items() if value} | self.filters

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set."""
        given = {name: getattr(self, name) for name in FILTERS}
        times = {name: at.isoformat() for name in TIMES if (at := getattr(self, name)) is not None}
        return {name: value for name, value in given.items() if value is not None} | times

    def conditions(self, columns: Mapping[str, str]) -> dict[str, Any]:
        """The filters that are set, by the lookups of these columns."""
        return {columns[name]: value for name, value in self.filters.items() if name in columns}

    @property
    def words(self) -> str:
        """For people, on one line."""
        parts = [f"{name.replace('_', ' ')} {line(value, 200)}" for name, value in self.filters.items()]
        if self.ids:
            more = f" and {len(self.ids) - 3} more" if len(self.ids) > 3 else ""
            parts.insert(0, ", ".join(line(each, 60) for each in self.ids[:3]) + more)
        if self.rows:
            parts.append(f"{len(self.rows):,} selected")
        return ", ".join(parts) or "all"

    def as_json(self, id_name: str) -> dict[str, Any]:
        """For the ledger: ``{"topic": …, id_name: […]}``. At most a thousand ids are kept."""
        ids = [each if isinstance(each, int) else str(each) for each in self.ids[:1_000]]
        rows = {"row": list(self.rows[:1_000])} if self.rows else {}
        return {**self.filters, **({id_name: ids} if ids else {}), **rows}


def add_selection(
    parser: ArgumentParser, *, id_type: Any, id_help: str, metavar: str, causes: Iterable[str] | None = None,
    consumer: bool = False,
) -> None:  # fmt: skip
    """The options of a selection of what is held."""
    if consumer:
        parser.add_argument("--consumer", help="of this consumer")
    of_error = "held for this type of error, such as ValueError: the column REASON of the status"
    parser.add_argument(
        "--cause",
        choices=list(causes) if causes else None,
        help="held for this reason" if causes else of_error,
    )
    add_filters(parser, id_type=id_type, id_help=id_help, metavar=metavar, what="held", time="held")


def add_filters(
    parser: ArgumentParser, *, id_type: Any, id_help: str, metavar: str, what: str, time: str
) -> None:
    """The options that every verb has. ``what`` are the events, ``time`` is what is said of their time."""
    parser.add_argument("ids", nargs="*", metavar=metavar, type=id_type, help=id_help)
    parser.add_argument("--topic", help="of this topic, as Kafka knows it")
    parser.add_argument("--key", help="of this key")
    parser.add_argument(
        "--key-prefix", metavar="TEXT", help="of keys that begin with this text, such as those of a tenant"
    )
    parser.add_argument("--type", help="of this event type")
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help=f"{time} then or later: 2026-01-31T12:00Z"
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help=f"{time} before that time")
    parser.add_argument("--all", action="store_true", help=f"all {what} events")
    parser.add_argument(
        "--rate", type=rate, metavar="NUMBER", help="at most so many a second (default: no limit)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation at a terminal")
    parser.add_argument("--user", metavar="USERNAME", help="record it in the ledger as done for this user")
