"""The options that select held events: the same for release and discard, on both sides."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError

from outbox_core.people.text import line


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """``ids`` are ids of holds or of events, depending on the command. ``rows`` are the primary keys that the
    admin selects. ``cause`` is why they are held.
    """

    ids: tuple[Any, ...] = ()
    rows: tuple[int, ...] = ()
    topic: str | None = None
    key: str | None = None
    type: str | None = None
    consumer: str | None = None
    cause: str | None = None
    all: bool = False

    FILTERS = ("consumer", "topic", "key", "type", "cause")

    @classmethod
    def of(cls, options: dict[str, Any]) -> Selection:
        """The selection that the options make. Raises CommandError, exit code 2, if they select nothing."""
        chosen = cls(
            ids=tuple(options["ids"]),
            topic=options["topic"],
            key=options["key"],
            type=options["type"],
            consumer=options.get("consumer"),
            cause=options["cause"],
            all=options["all"],
        )
        if not (chosen.ids or chosen.all or chosen.filters):
            raise CommandError(
                "Say which: ids, --topic, --key, --type, --cause, --consumer, or --all. "
                "The status command lists what is held.",
                returncode=2,
            )
        return chosen

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set."""
        given = {name: getattr(self, name) for name in self.FILTERS}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def words(self) -> str:
        """For people, on one line."""
        parts = [f"{name} {line(value, 200)}" for name, value in self.filters.items()]
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
    """The options of a selection."""
    parser.add_argument("ids", nargs="*", metavar=metavar, type=id_type, help=id_help)
    if consumer:
        parser.add_argument("--consumer", help="of this consumer")
    parser.add_argument("--topic", help="of this topic, as Kafka knows it")
    parser.add_argument("--key", help="of this key")
    parser.add_argument("--type", help="of this event type")
    of_error = "held for this type of error, such as ValueError: the column REASON of the status"
    parser.add_argument(
        "--cause",
        choices=list(causes) if causes else None,
        help="held for this reason" if causes else of_error,
    )
    parser.add_argument("--all", action="store_true", help="all held events")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation at a terminal")
    parser.add_argument("--user", metavar="USERNAME", help="record it in the ledger as done for this user")
