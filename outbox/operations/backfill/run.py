"""What an operation stores of a backfill, and the backfills that it can be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError

from outbox.errors import CodeMissing
from outbox.models import Operation
from outbox.operations.backfill.calls import Calls, chosen
from outbox.operations.backfill.rows import Rows, key_of, key_text
from outbox_core.operations.bulk.model import State
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order

BACKFILL = "backfill"
RATE, CHUNK, MAX_AGE = 1_000, 500, 30.0
"""Rows a second, rows of a transaction, and how long events may wait, unless a person says otherwise."""
NAMED = 1_000
"""At most so many failed rows are stored."""
IDENTITY = ("model", "filter", "receiver", "created")
"""What two runs must have in common for one to continue the other."""


def identity(calls: Calls) -> dict[str, Any]:
    """The values of these options."""
    return {
        "model": calls.rows.label,
        "filter": sorted(calls.rows.filters),
        "receiver": sorted(calls.names),
        "created": calls.created,
    }


def order(calls: Calls, until: Any, who: str, *, rate: float | None, reason: str = "", **pace: Any) -> Order:
    """To write the events of all rows up to ``until``. ``pace`` are the options chunk, max_age and
    skip_failing.
    """
    progress = {"after": [], "until": key_text(until), "failed": []}
    return Order(
        verb=BACKFILL,
        selection=Selection(all=True),
        who=who,
        rate=rate,
        reason=reason,
        options={**identity(calls), **pace, **progress},
    )


def calls_of(options: Mapping[str, Any], using: str) -> Calls:
    """What to call for the rows of an operation. Raises CodeMissing."""
    try:
        model = apps.get_model(options["model"])
        receivers = chosen(model, options["receiver"])
    except (LookupError, CommandError) as error:
        raise CodeMissing(str(error)) from error
    rows = Rows(model=model, using=using, filters=tuple(options["filter"]))
    return Calls(rows=rows, receivers=receivers, created=options["created"])


def key(calls: Calls, texts: Sequence[str]) -> Any:
    """A stored primary key; None if there is none."""
    return key_of(calls.rows.model, texts) if texts else None


def latest(calls: Calls) -> Operation | None:
    """The latest run with the same model, filters and receivers that was not cancelled."""
    same = {f"options__{name}": value for name, value in identity(calls).items()}
    rows = Operation.objects.using(calls.rows.using).filter(verb=BACKFILL, **same)
    found: Operation | None = rows.exclude(state=State.CANCELLED).order_by("-pk").first()
    return found


def scope(options: Mapping[str, Any]) -> str:
    """For people: ``shop.Order, status=paid, by shop.receivers.order_saved``."""
    return ", ".join([options["model"], *options["filter"], f"by {' and '.join(options['receiver'])}"])
