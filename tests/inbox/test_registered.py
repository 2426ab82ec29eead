"""``inbox_handlers`` lists what is registered, and where."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from inbox.handling.registry import Registry


def listed(*arguments: str) -> Any:
    out = StringIO()
    call_command("inbox_handlers", *arguments, stdout=out)
    return json.loads(out.getvalue()) if arguments else out.getvalue()


def test_a_consumer_has_its_group_and_topics_with_the_prefix(settings: Settings) -> None:
    settings.INBOX = {**settings.INBOX, "TOPIC_PREFIX": "eu."}
    found = {each["name"]: each for each in listed("--json")["consumers"]}
    assert found["crm"] | {"types": []} == {
        "name": "crm",
        "group": "eu.crm",
        "topics": ["eu.shop.customers", "eu.shop.orders"],
        "database": "default",
        "types": [],
        "ignored": [],
    }
    assert "shop.order.paid" in found["crm"]["types"]


def test_a_handler_has_its_line_and_the_consumers_that_run_it() -> None:
    found = [each for each in listed("--json")["handlers"] if each["type"] == "shop.customer.deleted"]
    assert {tuple(each["consumers"]) for each in found} == {("crm",), ("notifications",)}
    assert all(each["where"].partition(":")[2].isdigit() for each in found)


def test_it_reads_well_on_80_columns() -> None:
    shown = listed()
    assert max(map(len, shown.splitlines())) <= 80
    assert "shop.order.paid" in shown


def test_two_handlers_of_a_type_in_one_consumer_are_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = Registry()
    twice.handler("shop.thing")(_first)
    first = next(iter(twice))
    twice._handlers.append(type(first)(first.type, _second, first.reader, first.wants_event, first.replays))
    monkeypatch.setattr("inbox.operations.registered.registry", twice)
    settings.INBOX = {"CONSUMERS": {"crm": {"TOPICS": ["t"]}}}
    with pytest.raises(CommandError, match="handled by"):
        listed("--json")


def _first(data: dict[str, str]) -> None: ...


def _second(data: dict[str, str]) -> None: ...
