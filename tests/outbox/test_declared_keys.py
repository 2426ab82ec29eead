"""Keys, subjects and attributes are the text of declared fields, as these are written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from django.utils.safestring import mark_safe

import outbox
from outbox.write.row import NewRow
from tests.outbox.declaring import HUGE


class Renamed(msgspec.Struct, rename="camel"):
    order_id: UUID


@dataclass
class Numbered:
    order_id: int


@pytest.mark.parametrize(
    ("cls", "value", "text"),
    [
        (Renamed, str(UUID(int=10)).upper(), str(UUID(int=10))),
        (Renamed, mark_safe(str(UUID(int=10)).upper()), str(UUID(int=10))),
        (Numbered, mark_safe("007"), "7"),
        (Numbered, Decimal(7), "7"),
        (Numbered, "+7", "7"),
    ],
)
def test_key_subject_and_attributes_are_the_text_of_the_converted_field(
    cls: type, value: object, text: str
) -> None:
    outbox.event(
        "test.told", topic="t", key="order_id", subject="order_id", attributes={"order": "order_id"}
    )(cls)
    row = NewRow.of(cls(value))
    assert (row.key, row.subject, json.loads(row.headers)["order"]) == (text, text, text)


def test_a_number_that_python_does_not_write_is_no_key() -> None:
    outbox.event("test.told", topic="t", key=lambda event: HUGE)(Numbered)
    with pytest.raises(outbox.InvalidKey, match="digits"):
        NewRow.of(Numbered(1))


def test_attributes_may_be_marked_safe() -> None:
    outbox.event("test.told", topic="t", key="order_id")(Numbered)
    with outbox.context.attributes(tenant=mark_safe("a")):
        assert json.loads(NewRow.of(Numbered(1)).headers)["tenant"] == "a"
