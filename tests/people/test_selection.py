"""What an operator selects is what is done, also by the process that does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError

from outbox.models import Held
from outbox_core.operations.bulk.selection import Selection
from tests.admin.conftest import Log
from tests.people.orders import do

NOTHING: dict[str, Any] = {"ids": [], "all": False}


@pytest.mark.parametrize(
    "selection",
    [
        Selection(all=True),
        Selection(ids=(1, 2), topic="shop.orders"),
        Selection(rows=(7,), cause="poison"),
        Selection(key=""),
        Selection(key="", topic="shop.orders", until=datetime(2026, 1, 31, tzinfo=UTC)),
    ],
    ids=str,
)
def test_is_stored_as_it_is(selection: Selection) -> None:
    assert Selection.stored(json.loads(json.dumps(selection.for_storage()))) == selection


def test_the_empty_key_is_one_key(log: Log, small_chunks: None) -> None:
    """Rows of other programs may have it."""
    for number, key in enumerate(["", "k1", "k2"], start=1):
        log.hold(log.insert(number, key), key=key)
    assert do("discard", Selection(key="")).done == 1
    assert [*Held.objects.waiting().order_by("event_id").values_list("event__key", flat=True)] == ["k1", "k2"]


@pytest.mark.parametrize("name", ["consumer", "topic", "key_prefix", "type", "cause"])
def test_a_filter_that_is_empty_selects_nothing(name: str) -> None:
    """Such as that of a script with a variable that is not set."""
    with pytest.raises(CommandError, match=f"--{name.replace('_', '-')} is empty") as caught:
        Selection.of({**NOTHING, name: ""})
    assert caught.value.returncode == 2
