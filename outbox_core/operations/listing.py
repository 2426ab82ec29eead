"""Lists what is registered: tables that fit the terminal, or JSON."""

from __future__ import annotations

import inspect
import re
import shutil
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from outbox_core.operations.command import OperatorCommand, json_text, until_reader_leaves
from outbox_core.operations.database_failure import explain
from outbox_core.operations.report import Problem, Table
from outbox_core.people.text import line

GAP = "  "
LEAST = 10
"""No column gets narrower than this, even if the terminal is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is printed; ``data`` is for JSON."""

    tables: Sequence[Table]
    empty: str
    """Said instead of tables without a row."""
    data: Any


class ListingCommand(OperatorCommand):
    """Prints a listing for people or, with --json, for machines."""

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="print everything as JSON")

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return explain("default", "outbox", error)  # from a module of the project; a listing reads no table

    @abstractmethod
    def read(self, **options: Any) -> Listing:
        """What is registered."""

    def handle(self, *args: object, **options: Any) -> None:
        listing = self.read(**options)
        with until_reader_leaves():
            if options["json"]:
                self.stdout.write(json_text(listing.data))
            else:
                for row in render(listing, shutil.get_terminal_size((80, 24)).columns):
                    self.stdout.write(row)
            self.stdout.flush()


def source_line(defined: Any) -> str:
    """Where a class or function is defined: ``shop.events:53``; without the line if the source cannot be
    read.
    """
    defined = inspect.unwrap(defined)
    code = getattr(defined, "__code__", None)
    try:
        number = code.co_firstlineno if code is not None else inspect.findsource(defined)[1] + 1
    except (OSError, TypeError):
        return str(defined.__module__)
    return f"{defined.__module__}:{number}"


def render(listing: Listing, width: int) -> Iterator[str]:
    """The lines of a listing, with an empty line between tables."""
    tables = [table for table in listing.tables if table.rows]
    if not tables:
        yield listing.empty
    for number, table in enumerate(tables):
        yield from [""] if number else []
        yield from lines(table, width)


def lines(table: Table, width: int) -> Iterator[str]:
    """A table in at most ``width`` characters. A cell that is too wide continues on the next line."""
    cells = [[line(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = _narrowed([max(map(len, column)) for column in zip(*cells, strict=True)], width)
    for row in cells:
        folded = [_folded(cell, size) for cell, size in zip(row, widths, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            yield GAP.join(part.ljust(size) for part, size in zip(parts, widths, strict=True)).rstrip()


def _narrowed(widths: list[int], width: int) -> list[int]:
    """The widths of the columns after the widest ones gave up what is too much."""
    widths = list(widths)
    while sum(widths) + len(GAP) * (len(widths) - 1) > width and max(widths) > LEAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _folded(text: str, width: int) -> list[str]:
    """The text in pieces of at most ``width`` characters, cut at a space or else behind a separator."""
    pieces = []
    while len(text) > width:
        cut = _last(r"(?<=\S)\s+(?=\S)", text[:width]) or _last(r"[._:,/-]", text[:width]) or width
        pieces.append(text[:cut].rstrip())
        text = text[cut:]
    return [*pieces, text]


def _last(pattern: str, text: str) -> int:
    """Where the last match ends; 0 without one."""
    return max((found.end() for found in re.finditer(pattern, text)), default=0)
