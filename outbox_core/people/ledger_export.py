"""Exports of the ledger, streamed through a server-side cursor so that memory does not grow."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec
from django.http import StreamingHttpResponse

from outbox_core.operations.ledger import LedgerQuerySet
from outbox_core.people.text import in_json, line

COLUMNS = (
    *("id", "at", "last_at", "who", "automatic", "verb", "scope"),
    *("selection", "reason", "count", "outcome", "before"),
)
PAGE = 1_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins like this as a formula."""
LONGEST = 100_000

Row = Mapping[str, Any]


class Echo:
    """A file for the csv module that returns each line."""

    def write(self, text: str) -> str:
        return text


def as_csv(entries: LedgerQuerySet, name: str) -> StreamingHttpResponse:
    writer = csv.writer(Echo())
    rows = ([cell(value) for value in row.values()] for row in _rows(entries))
    body = (writer.writerow(row) for row in chain([COLUMNS], rows))
    return _answer(body, "text/csv; charset=utf-8", f"{name}.csv")


def as_json(entries: LedgerQuerySet, name: str) -> StreamingHttpResponse:
    return _answer(_array(_rows(entries)), "application/json", f"{name}.json")


def cell(value: object) -> str:
    """A value as a cell, with a quote before what would be a formula."""
    text = msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)
    shown = line(text, LONGEST)
    return f"'{shown}" if text.startswith(FORMULA) else shown


def _rows(entries: LedgerQuerySet) -> Iterator[Row]:
    rows = entries.order_by("-pk").values(*COLUMNS)
    for row in rows.iterator(chunk_size=PAGE):
        yield {**row, "at": row["at"].isoformat(), "last_at": row["last_at"].isoformat()}


def _array(rows: Iterable[Row]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        yield before + in_json(msgspec.json.encode(row).decode())
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _answer(body: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


FORMATS = {"csv": as_csv, "json": as_json}
