"""Events of one field that is declared for the occasion."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

import msgspec

import outbox
from outbox.write.encode import encode

Money = Annotated[Decimal, outbox.Places(2)]


class Huge(int):
    def __repr__(self) -> str:
        return "more digits than Python writes"


HUGE = Huge(10**5000)


def event(declared: Any) -> Any:
    """A class whose one field declares that."""
    return msgspec.defstruct("Sample", [("value", declared)])


def written(declared: Any, value: object) -> Any:
    return json.loads(encode(event(declared)(value)))["value"]
