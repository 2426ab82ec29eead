"""Names for customers of whom the data has only a number. The same number always gets the same name."""

from __future__ import annotations

import tomllib
from pathlib import Path

_NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
FIRST: list[str] = _NAMES["first"]
LAST: list[str] = _NAMES["last"]


def name(number: int) -> str:
    return f"{FIRST[number * 7 % len(FIRST)]} {LAST[number * 17 % len(LAST)]}"


def username(number: int) -> str:
    return f"cdnow{number:05}"


def email(number: int) -> str:
    return f"{username(number)}@example.com"
